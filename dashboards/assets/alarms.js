/* The page of alarms: open ones as they come, history, situations, silences, rules. */
(function () {
  "use strict";
  const ioc = window.ioc;
  const el = (...parts) => ioc.element(...parts);
  const { text, when, severity } = ioc.alarmWords;
  const VIEWS = ["open", "history", "situations", "silences", "rules"];
  const asked = { view: "open", severity: "", situation: "" };
  let chosen = null;
  let silenceOf = null;
  let said = "";
  let ruleNames = {};
  let older = null;

  const root = () => document.getElementById("alarms");
  const service = () => ioc.service;

  async function show() {
    const { view } = asked;
    const body = await CONTENT[view]();
    if (view !== asked.view) return; // another view was opened meanwhile
    root().replaceChildren(tabs(), el("p", { id: "alarms-said", role: "status" }, said), body);
  }

  function tabs() {
    const open = (view) => () => {
      asked.view = view;
      asked.situation = "";
      history.replaceState(null, "", `${location.pathname}${view === "open" ? "" : `#${view}`}`);
      chosen = older = null;
      said = "";
      show().catch(failed);
    };
    return el("div", { class: "row alarm-views", role: "tablist" }, VIEWS.map((view) =>
      el("button", { type: "button", role: "tab", class: "quiet", "data-view": view, "aria-selected": view === asked.view ? "true" : "false", onclick: open(view) }, text(`view_${view}`))));
  }

  /** Says what went wrong and leaves everything else as it is: somebody may have been writing. */
  function failed(problem) {
    said = problem.message;
    const node = document.getElementById("alarms-said");
    if (node) {
      node.textContent = said;
      node.className = "warn";
    } else ioc.banner.show("problem_answer", "bad", problem.message);
  }

  async function listed(state) {
    const query = new URLSearchParams({ state });
    if (asked.severity) query.set("severity", asked.severity);
    if (asked.situation) query.set("situation", asked.situation);
    if (older) query.set("before", older);
    const { alarms } = await service().getAtLast(`/alarms/list?${query}`);
    const detail = chosen ? await service().get(`/alarms/${chosen}`).catch(absent) : null;
    const choose = (id) => {
      chosen = chosen === id ? null : id;
      show().catch(failed);
    };
    return el("div", {}, severities(), asked.situation ? el("p", {}, el("span", { class: "tag" }, text("of_situation", { id: asked.situation }))) : null,
      el("div", { class: "alarm-columns" }, el("div", {}, ioc.alarmList.table(alarms, chosen, choose), state === "open" ? null : more(alarms)),
        detail ? ioc.alarmList.card(detail, act, silence) : null));
  }

  /** An alarm that was linked to is there no more, or not for this viewer. */
  function absent(problem) {
    chosen = null;
    said = problem.message;
    return null;
  }

  function severities() {
    const taken = (event) => {
      asked.severity = event.target.value;
      older = null;
      show().catch(failed);
    };
    return el("div", { class: "row" }, el("label", {}, text("column_severity"), el("select", { id: "alarm-severity", onchange: taken },
      el("option", { value: "" }, text("any")), [1, 2, 3].map((one) => el("option", { value: one, selected: String(one) === asked.severity }, text("severity_and_worse", { severity: text(`severity_${one}`) }))))));
  }

  function more(alarms) {
    if (alarms.length < 500) return null;
    return el("button", { type: "button", class: "quiet", onclick: () => {
      older = alarms[alarms.length - 1].id;
      show().catch(failed);
    } }, text("older"));
  }

  async function act(action, note) {
    try {
      await service().post(`/alarms/${chosen}/steps`, { action, note });
      said = text(`done_${action}`);
    } catch (problem) {
      if (problem.status !== 409) return failed(problem);
      said = problem.message; // somebody else was faster: what they did is shown
    }
    return show();
  }

  function silence(alarm) {
    silenceOf = alarm;
    asked.view = "silences";
    show().catch(failed);
  }

  async function situations() {
    const found = (await service().getAtLast("/alarms/situations")).situations;
    if (!found.length) return el("p", { class: "empty" }, text("no_situation"));
    const open = (one) => () => {
      asked.view = one.ended_at ? "history" : "open";
      asked.situation = String(one.id);
      show().catch(failed);
    };
    return el("table", {}, el("thead", {}, el("tr", {}, ["worst", "name", "from", "to", "alarms", "open"].map((one) => el("th", { scope: "col" }, text(`situation_${one}`))), el("th", { scope: "col" }, ioc.text("replay")))),
      el("tbody", {}, found.map((one) => el("tr", {}, el("td", {}, severity(one.worst)),
        el("td", {}, el("button", { type: "button", class: "link", onclick: open(one) }, ioc.named(one, "title"))),
        el("td", { class: "when" }, when(one.began_at)), el("td", { class: "when" }, one.ended_at ? when(one.ended_at) : text("lasting")),
        el("td", { class: "number" }, String(one.alarms)), el("td", { class: "number" }, String(one.open_alarms)),
        el("td", {}, el("a", { href: ioc.replayLink.address(one.began_at, one.ended_at), "aria-label": ioc.text("replay_situation", { title: ioc.named(one, "title"), from: when(one.began_at), to: one.ended_at ? when(one.ended_at) : text("lasting") }) }, ioc.text("replay_this")))))));
  }

  async function silences() {
    const found = (await service().getAtLast("/alarms/silences/list")).silences;
    const done = async (request, word) => {
      try {
        await request;
        said = text(word);
        silenceOf = null;
      } catch (problem) {
        return failed(problem);
      }
      return show();
    };
    return el("div", {}, ioc.alarmRules.silenceForm(silenceOf, ruleNames, (sent) => done(service().post("/alarms/silences", sent), "silence_saved")),
      el("h2", {}, text("view_silences")), ioc.alarmRules.silences(found, ruleNames, (id) => done(service().post(`/alarms/silences/${id}/lift`, {}), "silence_ended")));
  }

  async function rules() {
    const found = await service().getAtLast("/alarms/rules/list");
    const save = async (code, change, reason) => {
      try {
        await service().post(`/alarms/rules/${code}`, { change, reason });
        said = text("rule_saved");
      } catch (problem) {
        return failed(problem);
      }
      await show();
      const rule = root().querySelector(`[data-rule="${code}"]`);
      rule.open = true;
      return rule.scrollIntoView({ block: "nearest" });
    };
    return ioc.alarmRules.rules(found, save);
  }

  const CONTENT = { open: () => listed("open"), history: () => listed("all"), situations, silences, rules };

  /** What happens meanwhile is shown when nobody is writing. */
  function follow() {
    const stream = new EventSource("/live?topics=alarm,situation");
    let waiting = null;
    const again = () => {
      waiting = null;
      if (["open", "situations"].includes(asked.view) && !root().contains(document.activeElement?.closest("input, textarea, select"))) show().catch(failed);
    };
    const told = () => {
      waiting ??= setTimeout(again, 1000);
    };
    for (const topic of ["alarm", "situation", "gap"]) stream.addEventListener(topic, told);
    stream.addEventListener("error", () => ioc.banner.show("problem_server", "warn"));
    stream.addEventListener("open", () => {
      ioc.banner.clear("problem_server");
      told();
    });
  }

  async function start() {
    ioc.memory.theme = document.documentElement.dataset.theme;
    ioc.memory.language = document.documentElement.lang === "en" ? "en" : "zh";
    const found = await service().getAtLast("/alarms/rules/list");
    ruleNames = Object.fromEntries(found.rules.map((rule) => [rule.code, ioc.named(rule, "title")]));
    const linked = /^#(\d+)$/.exec(location.hash);
    if (linked) chosen = Number(linked[1]);
    if (VIEWS.includes(location.hash.slice(1))) asked.view = location.hash.slice(1);
    await show();
    follow();
  }

  start().catch(failed);
})();
