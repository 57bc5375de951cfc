/* Alarms as a list, one of them with its history and what may be done about it. */
(function () {
  "use strict";
  const ioc = window.ioc;
  const el = (...parts) => ioc.element(...parts);
  const { text, when, severity, measured, number } = ioc.alarmWords;
  const NEXT = { raised: ["acknowledged", "handling", "cleared"], acknowledged: ["handling", "cleared"], handling: ["cleared"], cleared: [] };

  function row(alarm, chosen, choose) {
    return el("tr", { "data-alarm": alarm.id, "aria-current": chosen === alarm.id ? "true" : null },
      el("td", {}, severity(alarm.severity)),
      el("td", {}, el("button", { type: "button", class: "link", onclick: () => choose(alarm.id) }, ioc.named(alarm, "title")),
        alarm.silenced ? el("span", { class: "tag" }, text("silenced")) : null),
      el("td", {}, alarm.place, el("br", {}), el("small", {}, alarm.device)),
      el("td", { class: "number" }, measured(alarm)),
      el("td", { class: "when" }, when(alarm.began_at)),
      el("td", { class: "when" }, text(`state_${alarm.state}`), alarm.cleared_at ? el("small", {}, ` ${when(alarm.cleared_at)}`) : null));
  }

  function table(alarms, chosen, choose) {
    if (!alarms.length) return el("p", { class: "empty" }, text("none"));
    const heads = ["severity", "title", "place", "value", "began", "state"];
    return el("table", { class: "alarm-table" }, el("thead", {}, el("tr", {}, heads.map((one) => el("th", { scope: "col" }, text(`column_${one}`))))),
      el("tbody", {}, alarms.map((alarm) => row(alarm, chosen, choose))));
  }

  /** The card of an alarm; `act(action, note)` does something about it. */
  function card(alarm, act, silence) {
    const note = el("input", { id: "alarm-note", maxlength: 500 });
    const said = () => note.value.trim() || null;
    const needed = (action) => () => {
      if ((action === "note" || action === "cleared") && !said()) {
        note.setAttribute("aria-invalid", "true");
        note.focus();
        return undefined;
      }
      return act(action, said());
    };
    const button = (action) => el("button", { type: "button", class: action === "acknowledged" ? null : "quiet", "data-action": action, onclick: needed(action) }, text(`act_${action}`));
    return el("section", { class: "card", id: "alarm-card", "aria-labelledby": "alarm-title" },
      el("h2", { id: "alarm-title" }, severity(alarm.severity), " ", ioc.named(alarm, "title")),
      el("dl", {},
        el("dt", {}, text("column_place")), el("dd", {}, alarm.place, " ", el("small", {}, `${alarm.device} · ${alarm.metric}`)),
        el("dt", {}, text("column_value")), el("dd", {}, measured(alarm)),
        el("dt", {}, text("column_began")), el("dd", {}, when(alarm.began_at)),
        el("dt", {}, text("column_state")), el("dd", {}, text(`state_${alarm.state}`))),
      alarm.lat ? el("p", {}, el("a", { href: `/#18/${alarm.lat.toFixed(6)}/${alarm.lon.toFixed(6)}` }, text("to_map")), " · ",
        el("a", { href: ioc.replayLink.address(alarm.began_at, alarm.cleared_at, `18/${alarm.lat.toFixed(6)}/${alarm.lon.toFixed(6)}/`) }, ioc.text("replay_this"))) : null,
      el("ol", { class: "alarm-steps" }, alarm.steps.map((step) => el("li", {},
        el("span", { class: "when" }, when(step.at)), " ", el("b", {}, text(`step_${step.action}`)), " ",
        step.actor || text("by_itself"), step.value === null ? "" : ` · ${number(step.value)}`, step.note ? el("div", {}, step.note) : null))),
      alarm.may_act ? el("label", {}, text("note"), note) : null,
      alarm.may_act ? el("div", { class: "row" }, (NEXT[alarm.state] || []).map(button), button("note"),
        el("button", { type: "button", class: "quiet", id: "alarm-silence", onclick: () => silence(alarm) }, text("silence_this"))) : null);
  }

  ioc.alarmList = { table, card };
})();
