/* How cases were handled in a period, by department, street or matter: a table beside the list, and as a file. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const text = (key, values) => ioc.text(`case_${key}`, values);
  const WAYS = ["department", "street", "matter"];
  const day = (back) => new Date(Date.now() + 8 * 3600000 - back * 86400000).toISOString().slice(0, 10);
  const asked = { by: "department", first: day(29), last: day(0) };

  const root = () => document.getElementById("case-statistics");
  const shown = () => !root().hidden;

  function show(open) {
    root().hidden = !open;
    document.querySelector(".case-columns").hidden = open;
    document.getElementById("case-filters").hidden = open;
    document.getElementById("case-to-statistics").setAttribute("aria-pressed", String(open));
    history.replaceState(null, "", `${location.pathname}${location.search}${open ? "#statistics" : ""}`);
    if (open) load();
  }

  function ask(change) {
    Object.assign(asked, change);
    load();
  }

  const query = (more) => new URLSearchParams({ ...asked, ...more });

  async function load() {
    const wanted = String(query());
    const [found, said] = await ioc.service.get(`/cases/statistics?${wanted}`).then((answer) => [answer, ""], (problem) => [null, problem.message]);
    if (wanted === String(query())) draw(found, said);
  }

  function choices() {
    const date = (name) => el("label", {}, text(`statistics_${name}`), el("input", { id: `statistics-${name}`, type: "date", required: true, value: asked[name], max: day(0), onchange: (event) => event.target.value && ask({ [name]: event.target.value }) }));
    const file = (format, label) => el("a", { class: "button", id: `statistics-${format}`, href: `/cases/statistics/export?${query({ format, lang: ioc.memory.language })}`, download: "" }, label);
    return el("div", { class: "row" },
      el("label", {}, text("statistics_by"), el("select", { id: "statistics-by", onchange: (event) => ask({ by: event.target.value }) }, WAYS.map((by) => el("option", { value: by, selected: by === asked.by }, text(`statistics_by_${by}`))))),
      date("first"), date("last"),
      [[7, "week"], [30, "month"], [365, "year"]].map(([days, name]) => el("button", { type: "button", class: "quiet", onclick: () => ask({ first: day(days - 1), last: day(0) }) }, text(`statistics_${name}`))),
      file("xlsx", "Excel"), file("csv", "CSV"));
  }

  function cell(value, indicator) {
    if (value === null) return el("td", { class: "number" }, "—");
    return el("td", { class: "number" }, indicator.rate ? `${(value * 100).toFixed(1)}%` : value.toLocaleString());
  }

  function draw(found, said) {
    const held = document.activeElement?.id;
    root().replaceChildren(...[choices(), said ? el("p", { role: "alert", class: "warn" }, said) : null,
      found ? el("div", { class: "statistics-table", tabindex: "0", role: "region", "aria-label": text("statistics") },
        el("table", {}, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, text(`statistics_by_${found.by}`)), found.indicators.map((one) => el("th", { scope: "col", class: "number", title: one.verified ? null : text("statistics_unverified") }, ioc.named(one, "name"), one.verified ? null : el("sup", {}, "*"))))),
          el("tbody", {}, found.rows.map((row) => el("tr", { class: row.total ? "total" : null }, el("th", { scope: "row" }, ioc.named(row, "name")), row.values.map((value, number) => cell(value, found.indicators[number]))))))) : null,
      el("p", { class: "hint" }, text("statistics_how")), el("p", { class: "hint" }, `* ${text("statistics_unverified")}`)].filter(Boolean));
    if (held) document.getElementById(held)?.focus();
  }

  function start() {
    document.getElementById("case-to-statistics").addEventListener("click", () => show(!shown()));
    const linked = () => location.hash === "#statistics" && show(true);
    linked();
    window.addEventListener("hashchange", linked);
  }

  ioc.caseStatistics = { start };
})();
