/* How alarms are written: severity, state, value against limit, times in Beijing. */
(function () {
  "use strict";
  const ioc = window.ioc;
  const el = (...parts) => ioc.element(...parts);
  const text = (key, values) => ioc.text(`alarm_${key}`, values);

  const when = (time) => (time ? new Intl.DateTimeFormat(ioc.memory.language === "en" ? "en-GB" : "zh-CN", {
    timeZone: "Asia/Shanghai", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
  }).format(new Date(time)) : "");

  const number = (value) => (value === null || value === undefined ? "—" : String(Math.round(value * 1000) / 1000));

  const severity = (level) => el("span", { class: "severity", "data-severity": level }, text(`severity_${level}`));

  const measured = (alarm) => `${number(alarm.value)} / ${number(alarm.limit)} ${alarm.unit || ""}`.trim();

  ioc.alarmWords = { text, when, number, severity, measured };
})();
