/* The table of cases: rows are changed one by one, so that scroll, focus and what is chosen stay. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const text = (key, values) => ioc.text(`case_${key}`, values);
  const HEADS = ["matter", "state", "street", "department", "reported", "left"];
  const MOVED_SECONDS = 8;
  let onChoose = () => undefined;

  const root = () => document.getElementById("case-list");

  function row(one) {
    const { text: time, level } = ioc.cases.left(one);
    const stage = ioc.cases.stage(one);
    return el("tr", { "data-case": one.id, "data-version": one.version, "aria-selected": String(ioc.caseCard.chosen()?.id === one.id), onclick: () => onChoose(one.id) },
      el("td", {}, el("button", { type: "button" }, ioc.cases.title(one)), el("small", {}, [one.code, ...ioc.cases.marks(one)].join(" · "))),
      el("td", {}, el("span", { class: "tag" }, ioc.cases.state(one.state)), stage ? el("small", { class: `left ${stage.level}` }, stage.text) : null), el("td", {}, one.street || "—"), el("td", {}, ioc.named(one, "department") || "—"),
      el("td", { class: "when" }, ioc.cases.when(one.reported_at)), el("td", { class: `left ${level}` }, time));
  }

  function body() {
    const known = root().querySelector("tbody");
    if (known) return known;
    const made = el("tbody", {});
    root().replaceChildren(el("table", {}, el("thead", {}, el("tr", {}, HEADS.map((head) => el("th", { scope: "col" }, text(`head_${head}`))))), made));
    return made;
  }

  /** A row that says something else takes the place of the one before, and keeps its focus. */
  function replace(old, fresh) {
    const focused = old.contains(document.activeElement);
    if (Number(old.dataset.version) !== Number(fresh.dataset.version)) {
      fresh.classList.add("moved");
      setTimeout(() => fresh.classList.remove("moved"), MOVED_SECONDS * 1000);
    }
    old.replaceWith(fresh);
    if (focused) fresh.querySelector("button").focus({ preventScroll: true });
    return fresh;
  }

  /** Shows a page of cases; `foot` leads to the others. */
  function draw(cases, choose, foot) {
    onChoose = choose;
    if (!cases.length) return root().replaceChildren(el("p", { class: "empty" }, text("none")));
    const rows = body();
    const before = new Map([...rows.children].map((node) => [Number(node.dataset.case), node]));
    let place = rows.firstElementChild;
    for (const one of cases) {
      let node = row(one);
      const old = before.get(one.id);
      before.delete(one.id);
      if (old) {
        const same = old.innerHTML === node.innerHTML;
        if (place === old) place = old.nextElementSibling;
        node = same ? old : replace(old, node);
        if (node.nextElementSibling === place) continue;
      }
      rows.insertBefore(node, place);
    }
    for (const gone of before.values()) gone.remove();
    root().querySelector(".pages")?.remove();
    if (foot) root().append(foot);
    return undefined;
  }

  /** Marks the chosen case. */
  function select(id) {
    for (const node of root().querySelectorAll("[data-case]")) node.setAttribute("aria-selected", String(Number(node.dataset.case) === id));
  }

  ioc.caseTable = { draw, select };
})();
