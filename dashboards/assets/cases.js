/* The page of cases: filters, counts, pages, kept current by the live stream; the chosen case on the map and as a card. */
(function () {
  "use strict";
  const ioc = window.ioc;
  const el = (...parts) => ioc.element(...parts);
  const text = (key, values) => ioc.text(`case_${key}`, values);
  const STATES = ["reported", "verifying", "pending_register", "pending_dispatch", "pending_handle", "handling", "suspended", "pending_check", "checking", "pending_close", "returned"];
  const TICK_SECONDS = 30;
  const REST_SECONDS = 1; // between two readings of the list, however much happens
  const NEWS_SECONDS = 10;
  const PAGE = 50;
  const FIRST = { state: "open", overdue: "", late: "", mine: "", area: "", department: "", words: "", component: "", sort: "time_left", offset: 0 };
  let asked = { ...FIRST, ...Object.fromEntries(new URLSearchParams(location.search)) };
  let answer = null;
  let streets = [];
  let departments = [];

  const root = () => document.getElementById("case-list");

  function query() {
    return new URLSearchParams(Object.entries({ ...asked, limit: PAGE }).filter(([name, value]) => value !== "" && name in { ...FIRST, limit: 0 }));
  }

  async function load() {
    const shown = new URLSearchParams(Object.entries(asked).filter(([name, value]) => name in FIRST && String(value) !== String(FIRST[name])));
    history.replaceState(null, "", `/cases${shown.size ? `?${shown}` : ""}${location.hash}`);
    answer = await ioc.service.getAtLast(`/cases/list?${query()}`);
    drawFilters();
    drawList();
    ioc.caseMap.list(answer.cases, choose);
  }

  /** The same list as it is now: only what has changed is drawn anew, and nothing that is being typed. */
  async function refresh() {
    const before = String(query());
    const found = await ioc.service.get(`/cases/list?${before}`).catch(() => null);
    if (!found || before !== String(query())) return;
    answer = found;
    drawStates();
    drawList();
    ioc.caseMap.list(answer.cases, choose, true);
  }

  function ask(changes) {
    asked = { ...asked, offset: 0, ...changes };
    return load();
  }

  const chip = (id, name, count, on, changes, level) => el("button", { type: "button", id, class: level || null, "aria-pressed": String(on), onclick: () => ask(changes) }, name, count === null ? null : el("b", {}, count));

  function drawStates() {
    const held = document.activeElement?.id;
    const { open } = answer;
    const all = Object.values(open.states).reduce((sum, count) => sum + count, 0);
    const plain = !asked.overdue && !asked.mine && !asked.late;
    const node = el("div", { class: "states", id: "case-states" },
      chip("case-mine", text("mine"), open.mine, Boolean(asked.mine), { ...FIRST, mine: "true" }),
      chip("case-overdue", text("overdue"), open.overdue, Boolean(asked.overdue), { ...FIRST, overdue: "true" }, open.overdue ? "late" : ""),
      chip("case-late", text("late_stage"), open.late, Boolean(asked.late), { ...FIRST, late: "true" }, open.late ? "late" : ""),
      chip("case-open", text("all_open"), all, asked.state === "open" && plain, { ...FIRST }),
      STATES.filter((state) => open.states[state]).map((state) => chip(`case-state-${state}`, ioc.cases.state(state), open.states[state], asked.state === state, { ...FIRST, state })),
      chip("case-ended", text("ended"), null, asked.state === "ended", { ...FIRST, state: "ended", sort: "newest" }));
    const old = document.getElementById("case-states");
    if (old) old.replaceWith(node);
    else document.getElementById("case-filters").prepend(node);
    if (held && node.querySelector(`#${CSS.escape(held)}`)) document.getElementById(held).focus();
  }

  function drawFilters() {
    const held = document.activeElement?.id;
    const option = (value, name, current) => el("option", { value, selected: value === current }, name);
    const select = (id, label, current, options, taken) => el("label", {}, label, el("select", { id, onchange: (event) => ask(taken(event.target.value)) }, options.map(([value, name]) => option(value, name, current))));
    document.getElementById("case-filters").replaceChildren(
      el("div", { class: "row" },
        select("case-area", text("field_street"), asked.area, [["", text("any")], ...streets.map((street) => [street.code, street.name])], (area) => ({ area })),
        select("case-of-department", text("field_department"), asked.department, [["", text("any")], ...departments.map((one) => [one.code, ioc.named(one, "name")])], (department) => ({ department })),
        select("case-sort", text("sort"), asked.sort, [["time_left", text("sort_time_left")], ["newest", text("sort_newest")]], (sort) => ({ sort })),
        el("label", {}, text("words"), el("input", { id: "case-words", type: "search", maxlength: 80, value: asked.words, onchange: (event) => ask({ words: event.target.value }) }))));
    drawStates();
    if (held) document.getElementById(held)?.focus();
  }

  function drawList() {
    document.getElementById("case-count").textContent = text(answer.more ? "count_more" : "count", { count: answer.total });
    ioc.caseTable.draw(answer.cases, choose, answer.total > PAGE ? pages() : null);
  }

  function pages() {
    const offset = Number(asked.offset);
    const turn = (to, name, possible) => el("button", { type: "button", class: "quiet", disabled: !possible, onclick: () => ask({ offset: to }) }, name);
    return el("div", { class: "pages" }, turn(Math.max(0, offset - PAGE), text("page_before"), offset > 0),
      el("span", {}, text("page", { from: offset + 1, to: offset + answer.cases.length, total: answer.total })), turn(offset + PAGE, text("page_after"), offset + PAGE < answer.total));
  }

  async function choose(id) {
    try {
      const one = await ioc.caseCard.open(Number(id), refresh);
      history.replaceState(null, "", `${location.pathname}${location.search}#${one.id}`);
      ioc.caseMap.choose(one);
      ioc.caseTable.select(one.id);
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

  let resting = null;
  let wanted = false;

  /** Reads the list again, at once, but not more often than it makes sense to look at. */
  function soon() {
    if (resting) {
      wanted = true;
      return;
    }
    wanted = false;
    resting = setTimeout(() => {
      resting = null;
      if (wanted) soon();
    }, REST_SECONDS * 1000);
    refresh();
  }

  let forgetting = null;

  /** What happens: the card, the list, and a line that says it. */
  function take(items, whole) {
    if (!whole) {
      const last = items[items.length - 1];
      document.getElementById("case-news").textContent = text(last.version === 1 ? "news_reported" : "news", { code: last.code, title: ioc.cases.title(last), state: ioc.cases.state(last.state), time: ioc.clock(new Date(), { year: false }).slice(-5) });
      clearTimeout(forgetting);
      forgetting = setTimeout(() => document.getElementById("case-news").replaceChildren(), NEWS_SECONDS * 1000);
    }
    ioc.caseCard.told(items);
    soon();
  }

  async function start() {
    ioc.memory.theme = document.documentElement.dataset.theme;
    ioc.memory.language = document.documentElement.lang === "en" ? "en" : "zh";
    root().addEventListener("keydown", step);
    await Promise.all([ioc.layers.load(), ioc.baseMap.load()]);
    const choices = await ioc.service.getAtLast("/cases/choices");
    ({ streets, departments } = choices);
    ioc.cases.know(choices.matters);
    ioc.caseMap.start(choices.bounds);
    await load();
    const linked = async () => /^#\d+$/.test(location.hash) && choose(location.hash.slice(1));
    await linked();
    window.addEventListener("hashchange", linked);
    ioc.caseStatistics.start();
    ioc.liveSign.start();
    ioc.live.on("case", take);
    ioc.live.start(["case"]);
    setInterval(() => document.hidden || drawList(), TICK_SECONDS * 1000);
  }

  start().catch((problem) => ioc.banner.show("problem_answer", "bad", problem.message));
})();
