/* The list of cases: filters, counts, pages; the chosen case beside it on the map and as a card. */
(function () {
  "use strict";
  const ioc = window.ioc;
  const el = (...parts) => ioc.element(...parts);
  const text = (key, values) => ioc.text(`case_${key}`, values);
  const STATES = ["reported", "verifying", "pending_register", "pending_dispatch", "pending_handle", "handling", "suspended", "pending_check", "checking", "pending_close", "returned"];
  const REFRESH_SECONDS = 30;
  const PAGE = 50;
  const FIRST = { state: "open", overdue: "", mine: "", area: "", department: "", words: "", component: "", sort: "time_left", offset: 0 };
  let asked = { ...FIRST, ...Object.fromEntries(new URLSearchParams(location.search)) };
  let answer = null;
  let streets = [];
  let departments = [];

  const root = () => document.getElementById("case-list");

  async function load(quiet) {
    const query = new URLSearchParams(Object.entries({ ...asked, limit: PAGE }).filter(([name, value]) => value !== "" && name in { ...FIRST, limit: 0 }));
    const shown = new URLSearchParams(Object.entries(asked).filter(([name, value]) => name in FIRST && String(value) !== String(FIRST[name])));
    history.replaceState(null, "", `/cases${shown.size ? `?${shown}` : ""}${location.hash}`);
    answer = await ioc.service.getAtLast(`/cases/list?${query}`);
    drawFilters();
    drawList();
    if (!quiet) ioc.caseMap.list(answer.cases, choose);
  }

  function ask(changes) {
    asked = { ...asked, offset: 0, ...changes };
    return load();
  }

  function drawFilters() {
    const held = document.activeElement?.id;
    const { open } = answer;
    const all = Object.values(open.states).reduce((sum, count) => sum + count, 0);
    const chip = (id, name, count, on, changes, level) => el("button", { type: "button", id, class: level || null, "aria-pressed": String(on), onclick: () => ask(changes) }, name, count === null ? null : el("b", {}, count));
    const plain = !asked.overdue && !asked.mine;
    const option = (value, name, current) => el("option", { value, selected: value === current }, name);
    const select = (id, label, current, options, taken) => el("label", {}, label, el("select", { id, onchange: (event) => ask(taken(event.target.value)) }, options.map(([value, name]) => option(value, name, current))));
    document.getElementById("case-filters").replaceChildren(
      el("div", { class: "states" },
        chip("case-mine", text("mine"), open.mine, Boolean(asked.mine), { ...FIRST, mine: "true" }),
        chip("case-overdue", text("overdue"), open.overdue, Boolean(asked.overdue), { ...FIRST, overdue: "true" }, open.overdue ? "late" : ""),
        chip("case-open", text("all_open"), all, asked.state === "open" && plain, { ...FIRST }),
        STATES.filter((state) => open.states[state]).map((state) => chip(`case-state-${state}`, ioc.cases.state(state), open.states[state], asked.state === state, { ...FIRST, state })),
        chip("case-ended", text("ended"), null, asked.state === "ended", { ...FIRST, state: "ended", sort: "newest" })),
      el("div", { class: "row" },
        select("case-area", text("field_street"), asked.area, [["", text("any")], ...streets.map((street) => [street.code, street.name])], (area) => ({ area })),
        select("case-of-department", text("field_department"), asked.department, [["", text("any")], ...departments.map((one) => [one.code, ioc.named(one, "name")])], (department) => ({ department })),
        select("case-sort", text("sort"), asked.sort, [["time_left", text("sort_time_left")], ["newest", text("sort_newest")]], (sort) => ({ sort })),
        el("label", {}, text("words"), el("input", { id: "case-words", type: "search", maxlength: 80, value: asked.words, onchange: (event) => ask({ words: event.target.value }) }))));
    if (held) document.getElementById(held)?.focus();
  }

  function drawList() {
    document.getElementById("case-count").textContent = text(answer.more ? "count_more" : "count", { count: answer.total });
    if (!answer.cases.length) return root().replaceChildren(el("p", { class: "empty" }, text("none")));
    const heads = ["matter", "state", "street", "department", "reported", "left"];
    return root().replaceChildren(
      el("table", {}, el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, text(`head_${head}`))))), el("tbody", {}, answer.cases.map(row))), ...(answer.total > PAGE ? [pages()] : []));
  }

  function row(one) {
    const { text: time, level } = ioc.cases.left(one);
    const marks = [one.urges ? text("urged", { count: one.urges }) : "", one.reworks ? text("reworks", { count: one.reworks }) : "", one.extension_asked ? text("extension_asked") : ""].filter(Boolean);
    return el("tr", { "data-case": one.id, "aria-selected": String(ioc.caseCard.chosen()?.id === one.id), onclick: () => choose(one.id) },
      el("td", {}, el("button", { type: "button" }, one.title), el("small", {}, [one.code, ...marks].join(" · "))),
      el("td", {}, el("span", { class: "tag" }, ioc.cases.state(one.state))), el("td", {}, one.street || "—"), el("td", {}, ioc.named(one, "department") || "—"),
      el("td", { class: "when" }, ioc.cases.when(one.reported_at)), el("td", { class: `left ${level}` }, time));
  }

  function pages() {
    const offset = Number(asked.offset);
    const turn = (to, name, possible) => el("button", { type: "button", class: "quiet", disabled: !possible, onclick: () => ask({ offset: to }) }, name);
    return el("div", { class: "pages" }, turn(Math.max(0, offset - PAGE), text("page_before"), offset > 0),
      el("span", {}, text("page", { from: offset + 1, to: offset + answer.cases.length, total: answer.total })), turn(offset + PAGE, text("page_after"), offset + PAGE < answer.total));
  }

  async function choose(id) {
    try {
      const one = await ioc.caseCard.open(Number(id), () => load(true));
      history.replaceState(null, "", `${location.pathname}${location.search}#${one.id}`);
      ioc.caseMap.choose(one);
      for (const node of root().querySelectorAll("[data-case]")) node.setAttribute("aria-selected", String(Number(node.dataset.case) === one.id));
    } catch (problem) {
      ioc.banner.show("problem_answer", "bad", problem.message);
    }
  }

  /** Arrow keys go through the list. */
  function step(event) {
    if (!["ArrowDown", "ArrowUp"].includes(event.key)) return;
    const buttons = [...root().querySelectorAll("tbody button")];
    const next = buttons[buttons.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1)];
    if (!next) return;
    event.preventDefault();
    next.focus();
    next.click();
  }

  async function start() {
    ioc.memory.theme = document.documentElement.dataset.theme;
    ioc.memory.language = document.documentElement.lang === "en" ? "en" : "zh";
    root().addEventListener("keydown", step);
    await Promise.all([ioc.layers.load(), ioc.baseMap.load()]);
    ({ streets, departments } = await ioc.service.getAtLast("/cases/choices"));
    await load();
    if (/^#\d+$/.test(location.hash)) await choose(location.hash.slice(1));
    setInterval(() => document.hidden || load(true), REFRESH_SECONDS * 1000);
  }

  start().catch((problem) => ioc.banner.show("problem_answer", "bad", problem.message));
})();
