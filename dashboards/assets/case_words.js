/* How cases are said: states, times left, conditions, who did what. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const SOON_MINUTES = 120;
  const zone = { timeZone: "Asia/Shanghai" };

  const when = (text) => (text ? new Date(text).toLocaleString(ioc.memory.language === "zh" ? "zh-CN" : "en-GB", { ...zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hour12: false }) : "");

  function span(minutes) {
    const whole = Math.max(0, Math.round(minutes));
    const [days, hours, rest] = [Math.floor(whole / 1440), Math.floor((whole % 1440) / 60), whole % 60];
    if (days) return ioc.text("case_span_days", { days, hours });
    return hours ? ioc.text("case_span_hours", { hours, minutes: rest }) : ioc.text("case_span_minutes", { minutes: rest });
  }

  /** Time left of a case's clock, as text and how urgent that is: late, soon, or nothing special. */
  function left(one) {
    if (!one.deadline) return { text: "—", level: "" };
    const until = new Date(one.deadline).getTime();
    const minutes = (until - (one.stopped_at ? new Date(one.stopped_at).getTime() : Date.now())) / 60000;
    const key = one.stopped_at ? (minutes < 0 ? "case_was_late" : "case_in_time") : minutes < 0 ? "case_late" : "case_left";
    return { text: ioc.text(key, { span: span(Math.abs(minutes)) }), level: minutes < 0 ? "late" : !one.stopped_at && minutes < SOON_MINUTES ? "soon" : "" };
  }

  let matters = new Map();

  /** What a case is about, in the language of the page. */
  const title = (one) => (ioc.memory.language === "en" && matters.get(one.matter_code.slice(-5))?.name_en) || one.title;

  const know = (known) => (matters = new Map(known.map((one) => [one.code, one])));

  /** Time left of the stage a case is in, as `left`; nothing where the stage has no limit or the case has ended. */
  function stage(one) {
    if (!one.stage_deadline || one.ended_at) return null;
    const minutes = (new Date(one.stage_deadline).getTime() - Date.now()) / 60000;
    return { text: ioc.text(minutes < 0 ? "case_stage_late" : "case_stage_left", { span: span(Math.abs(minutes)) }), level: minutes < 0 ? "late" : "" };
  }

  /** What is special about a case, in a word or two each. */
  const marks = (one) => [
    one.urges ? ioc.text("case_urged", { count: one.urges }) : "", one.reworks ? ioc.text("case_reworks", { count: one.reworks }) : "",
    one.extension_asked ? ioc.text("case_extension_asked") : "", one.deferral_asked ? ioc.text("case_deferral_asked") : "",
    one.deferred_until && !one.ended_at ? ioc.text("case_deferred") : "", one.appeal ? ioc.text(`case_appeal_${one.appeal}`) : "",
    one.lon === null && !one.ended_at ? ioc.text("case_no_place") : ""].filter(Boolean);

  const limit = (one) => (one.limit_value ? `${one.limit_value} ${ioc.text(`case_unit_${UNITS[one.limit_unit]}`)}` : "—");
  const UNITS = { 紧急工作时: "urgent_hours", 紧急工作日: "urgent_days", 工作时: "hours", 工作日: "days", 自然日: "natural" };

  const state = (one) => ioc.text(`case_state_${one}`);
  const condition = (one) => [one.condition ? ioc.text(`case_condition_${one.condition}`) : "", one.threshold, limit(one)].filter(Boolean).join(" · ");
  const post = (one) => (one === "department" ? ioc.text("case_post_department") : ioc.text(`role_${one}`));

  ioc.cases = { know, title, when, left, stage, marks, limit, state, condition, post, span };
})();
