/* Alarm rules with what the district has set otherwise, and silences. */
(function () {
  "use strict";
  const ioc = window.ioc;
  const el = (...parts) => ioc.element(...parts);
  const { text, when, severity } = ioc.alarmWords;

  const changeOf = (changes, rule, device) => changes.find((one) => one.rule === rule && (one.device_code || null) === device);

  function limitText(level) {
    if (level.limit !== null) return String(level.limit);
    return text(`limit_${level.station_limit || level.metric_limit}`);
  }

  /** One rule as a form; `save(rule, change, reason)` sends it. */
  function ruleForm(rule, changes, mayChange, save) {
    const held = changeOf(changes, rule.code, null);
    const change = held?.change || {};
    const limits = rule.levels.map((level) => {
      const own = change.limits && level.severity in change.limits;
      const input = el("input", { type: "number", step: "any", disabled: !mayChange, placeholder: limitText(level), "aria-label": ioc.named(level, "name"),
        value: own && change.limits[level.severity] !== null ? change.limits[level.severity] : null });
      const off = el("input", { type: "checkbox", "aria-label": `${text("rule_off")} ${ioc.named(level, "name")}`, disabled: !mayChange, checked: own && change.limits[level.severity] === null });
      return { level, input, off };
    });
    const extra = ["hysteresis", "hold_s"].map((name) => ({ name, input: el("input", { type: "number", min: 0, step: "any", disabled: !mayChange, value: change[name] ?? null, placeholder: String(rule[name]) }) }));
    const enabled = el("input", { type: "checkbox", disabled: !mayChange, checked: change.enabled !== false });
    const reason = el("input", { maxlength: 500, required: true });
    const submit = (event) => {
      event.preventDefault();
      const sent = { limits: {} };
      for (const { level, input, off } of limits) {
        if (off.checked) sent.limits[level.severity] = null;
        else if (input.value !== "") sent.limits[level.severity] = Number(input.value);
      }
      for (const { name, input } of extra) if (input.value !== "") sent[name] = Number(input.value);
      if (!enabled.checked) sent.enabled = false;
      save(rule.code, sent, reason.value.trim());
    };
    const special = changes.filter((one) => one.rule === rule.code && one.device_code);
    return el("details", { "data-rule": rule.code },
      el("summary", {}, ioc.named(rule, "title"), Object.keys(change).length ? el("span", { class: "tag" }, text("rule_changed")) : null,
        special.length ? el("span", { class: "tag" }, text("rule_special", { count: special.length })) : null),
      el("form", { class: "card", onsubmit: submit },
        el("label", { class: "tick" }, enabled, text("rule_enabled")),
        el("table", {}, el("thead", {}, el("tr", {}, ["severity", "meaning", "limit", "off"].map((one) => el("th", { scope: "col" }, text(`rule_${one}`))))),
          el("tbody", {}, limits.map(({ level, input, off }) => el("tr", {}, el("td", {}, severity(level.severity)), el("td", {}, ioc.named(level, "name")),
            el("td", {}, input), el("td", {}, off))))),
        el("div", { class: "row" }, extra.map(({ name, input }) => el("label", {}, text(`rule_${name}`, { unit: rule.unit }), input))),
        el("p", { class: "hint" }, text("rule_source", { source: ioc.named(rule, "source") })),
        held ? el("p", { class: "hint" }, text("rule_last", { who: held.changer, when: when(held.changed_at), reason: held.reason })) : null,
        mayChange ? el("div", { class: "row" }, el("label", {}, text("reason"), reason), el("button", {}, text("rule_save"))) : null));
  }

  const rules = (found, save) => el("div", {}, found.may_change ? null : el("p", { class: "hint" }, text("rules_read_only")), found.rules.map((rule) => ruleForm(rule, found.changes, found.may_change, save)));

  /** What a silence is of, in words. */
  const silenced = (one, names) => [one.rule && names[one.rule], one.device_code, one.station_code, one.area_code].filter(Boolean).join(" · ");

  function silences(list, names, lift) {
    if (!list.length) return el("p", { class: "empty" }, text("no_silence"));
    const heads = ["of", "from", "to", "reason", "by", "end"];
    return el("table", {}, el("thead", {}, el("tr", {}, heads.map((one) => el("th", { scope: "col" }, text(`silence_${one}`))))),
      el("tbody", {}, list.map((one) => el("tr", {},
        el("td", {}, silenced(one, names), one.maintenance ? el("span", { class: "tag" }, text("maintenance")) : null),
        el("td", { class: "when" }, when(one.begins_at)), el("td", { class: "when" }, when(one.ends_at)), el("td", {}, one.reason), el("td", {}, one.opener),
        el("td", {}, one.lifted_at ? text("silence_lifted", { who: one.lifter, when: when(one.lifted_at) })
          : one.may_lift && new Date(one.ends_at) > new Date() ? el("button", { type: "button", class: "quiet", onclick: () => lift(one.id) }, text("silence_lift")) : "")))));
  }

  /** A form for a silence, filled in from an alarm where there is one. */
  function silenceForm(alarm, ruleNames, save) {
    const rule = el("select", { id: "silence-rule" }, el("option", { value: "" }, text("any")), Object.entries(ruleNames).map(([code, name]) => el("option", { value: code, selected: alarm?.rule === code }, name)));
    const field = (id, value, more) => el("input", { id: `silence-${id}`, value: value || null, maxlength: 80, ...more });
    const device = field("device", alarm?.device);
    const station = field("station", null);
    const area = field("area", null, { inputmode: "numeric" });
    const hours = field("hours", "4", { type: "number", min: 0.5, max: 8760, step: 0.5, required: true });
    const maintenance = el("input", { type: "checkbox", id: "silence-maintenance" });
    const reason = field("reason", null, { maxlength: 500, required: true });
    const submit = (event) => {
      event.preventDefault();
      const named = [rule, device, station, area].some((input) => input.value.trim());
      rule.setCustomValidity(named ? "" : text("silence_of_what"));
      if (!form.reportValidity()) return;
      const begins = new Date();
      save({
        rule: rule.value || null, device: device.value.trim() || null, station: station.value.trim() || null, area: area.value.trim() || null,
        maintenance: maintenance.checked, begins_at: begins.toISOString(), ends_at: new Date(begins.getTime() + Number(hours.value) * 3600e3).toISOString(), reason: reason.value.trim(),
      });
    };
    const labelled = (key, input) => el("label", {}, text(key), input);
    const form = el("form", { class: "card wide", id: "silence-form", onsubmit: submit, oninput: () => rule.setCustomValidity("") }, el("h2", {}, text("silence_new")),
      el("div", { class: "row" }, labelled("silence_rule", rule), labelled("silence_device", device), labelled("silence_station", station), labelled("silence_area", area), labelled("silence_hours", hours)),
      el("div", { class: "row" }, el("label", { class: "tick" }, maintenance, text("maintenance")), labelled("reason", reason), el("button", {}, text("silence_save"))));
    return form;
  }

  ioc.alarmRules = { rules, silences, silenceForm };
})();
