/* New alarms, told once to whoever watches: the frame of the page and the place flash, with words and a sound.

   Once means once in a browser: its tabs agree who tells, and what was told is kept over reloads. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const KEPT = "ioc.alarms_told";
  const FRESH_MS = 5 * 60000; // what is older is no news, however late a page hears of it
  const KEPT_MS = 24 * 3600000;
  const GATHER_MS = 400; // alarms of one moment are one notice, and tabs have agreed by then
  const AGAIN_MS = 5000; // how often a notice looks whether it may go
  const SHOWN_MS = { loud: 60000, quiet: 20000 };
  const NAMED = 3; // alarms of a notice that are named one by one

  const tab = Math.random().toString(36).slice(2);
  const known = new Map(); // severity by alarm, as last heard
  const waiting = new Map(); // alarms to be told, by what is told once
  const claims = new Map(); // the best tab that wants to tell, by the same
  const shown = new Map(); // alarms of the notice on the screen, by id
  let told = {}; // when, by what is told once; kept for a browser without storage too
  let channel = null;
  let gathering = null;
  let until = 0;

  const soundsFrom = () => ioc.page.settings.alarm_sound_severity;
  const isLoud = (alarm) => alarm.severity <= soundsFrom();
  const isQuiet = (alarm) => alarm.state !== "raised" || alarm.silenced;
  const rank = () => `${Number(document.hidden)}${Number(!document.hasFocus())}${tab}`;

  function readTold() {
    try {
      told = { ...told, ...JSON.parse(localStorage.getItem(KEPT)) };
    } catch {
      // nothing is kept, or by another version
    }
    return told;
  }

  function keepTold(keys) {
    const now = Date.now();
    const all = Object.entries({ ...readTold(), ...Object.fromEntries(keys.map((key) => [key, now])) });
    told = Object.fromEntries(all.filter(([, at]) => now - at < KEPT_MS));
    try {
      localStorage.setItem(KEPT, JSON.stringify(told));
    } catch {
      // then a reload tells the last minutes again
    }
  }

  /** What of an alarm is told once: that it was raised, and that it got worse than what sounds for the first time. */
  const raisedKey = (alarm) => `${alarm.id}@${alarm.raised_at}`;
  const louderKey = (alarm) => `${raisedKey(alarm)}!`;

  function take(items, whole) {
    const before = new Map(known);
    if (whole) {
      known.clear();
      const open = new Set(items.map((alarm) => alarm.id));
      withdraw((alarm) => !open.has(alarm.id));
    }
    for (const alarm of items) {
      known.set(alarm.id, alarm.severity);
      if (alarm.state === "cleared") known.delete(alarm.id);
      if (isQuiet(alarm)) withdraw((one) => one.id === alarm.id);
      else consider(alarm, before.get(alarm.id));
    }
    if (waiting.size) gather();
  }

  function consider(alarm, former) {
    const rose = former > soundsFrom() && isLoud(alarm);
    const isNew = ioc.live.now() - Date.parse(alarm.raised_at) < FRESH_MS;
    const already = readTold();
    if (isNew && !already[raisedKey(alarm)]) waiting.set(raisedKey(alarm), alarm);
    else if (rose && !already[louderKey(alarm)]) waiting.set(louderKey(alarm), alarm);
    if (shown.has(alarm.id)) {
      shown.set(alarm.id, alarm);
      draw();
    }
  }

  function gather() {
    if (channel) channel.postMessage({ claimed: [...waiting.keys()], rank: rank() });
    gathering ??= setTimeout(settle, GATHER_MS);
  }

  function hear({ data }) {
    for (const key of data.claimed || []) if (!(claims.get(key) < data.rank)) claims.set(key, data.rank);
    for (const key of data.told || []) {
      waiting.delete(key);
      told[key] = Date.now();
    }
    // Who rests would like to know that somebody else watches.
    if (data.asked && rank() < data.asked && ioc.live.isOpen()) channel.postMessage({ watched: data.asked });
    if (asking && data.watched === asking.rank) asking.answer(true);
    if (data.left) ioc.live.wake();
  }

  function settle() {
    gathering = null;
    const already = readTold();
    const own = rank();
    const mine = [...waiting].filter(([key]) => !already[key] && !(claims.get(key) < own));
    waiting.clear();
    claims.clear();
    if (!mine.length) return;
    const keys = mine.flatMap(([key, alarm]) => (isLoud(alarm) ? [key, louderKey(alarm)] : [key]));
    keepTold(keys);
    channel?.postMessage({ told: keys });
    show(mine.map(([, alarm]) => alarm));
  }

  // -------------------------------------------------------------- what is shown

  const worstOf = (alarms) => Math.min(...alarms.map((alarm) => alarm.severity));

  function show(alarms) {
    for (const alarm of alarms) shown.set(alarm.id, alarm);
    const worst = worstOf(alarms);
    until = Math.max(until, Date.now() + (worst <= soundsFrom() ? SHOWN_MS.loud : SHOWN_MS.quiet));
    draw();
    setTimeout(leave, until - Date.now());
    if (document.hidden) document.addEventListener("visibilitychange", () => flash(alarms), { once: true });
    else flash(alarms);
    if (worst <= soundsFrom()) ioc.alarmSound.play(worst);
  }

  function flash(alarms) {
    const frame = el("div", { class: "alarm-flash", "data-severity": worstOf(alarms), "aria-hidden": "true", onanimationend: () => frame.remove() });
    document.querySelectorAll(".alarm-flash").forEach((former) => former.remove());
    document.body.append(frame);
    for (const alarm of alarms) if (typeof alarm.lon === "number" && !ioc.replay.isOn()) ioc.liveMap.ring(alarm);
  }

  /** Acknowledged, cleared, silenced: no news any more. */
  function withdraw(which) {
    for (const [key, alarm] of waiting) if (which(alarm)) waiting.delete(key);
    const gone = [...shown.values()].filter(which);
    gone.forEach((alarm) => shown.delete(alarm.id));
    if (gone.length) draw();
  }

  function leave() {
    if (Date.now() < until || !shown.size) return;
    const node = document.getElementById("alarm-notice");
    if (document.hidden || node.matches(":hover, :focus-within")) setTimeout(leave, AGAIN_MS);
    else close();
  }

  function close() {
    shown.clear();
    until = 0;
    draw();
  }

  const amount = (alarm) => {
    if (typeof alarm.value !== "number") return "";
    const [value, limit] = [alarm.value, alarm.limit].map((one) => (typeof one === "number" ? String(Number(one.toPrecision(4))) : ""));
    return ioc.text(limit ? "alarm_notice_value_limit" : "alarm_notice_value", { value, limit, unit: alarm.unit || "" }).trim();
  };

  const named = (alarm) => el("li", { "data-severity": alarm.severity },
    el("b", {}, ioc.named(alarm, "title")), el("span", {}, alarm.place || alarm.device), el("small", {}, amount(alarm)));

  function draw() {
    const node = document.getElementById("alarm-notice");
    const alarms = [...shown.values()].sort((one, other) => one.severity - other.severity || other.id - one.id);
    if (!alarms.length) return node.replaceChildren();
    const more = alarms.length - NAMED;
    const worst = worstOf(alarms);
    node.dataset.severity = worst;
    node.setAttribute("aria-live", worst <= soundsFrom() ? "assertive" : "polite");
    const placed = alarms.filter((alarm) => typeof alarm.lon === "number");
    return node.replaceChildren(
      el("p", { class: "alarm-notice-head" }, ioc.icon("bell"),
        el("strong", {}, alarms.length > 1 ? ioc.text("alarm_notice_many", { count: alarms.length }) : ioc.text("alarm_notice_one")),
        el("span", { class: "alarm-notice-severity" }, ioc.text(`alarm_severity_${worst}`)),
        ioc.layerPanel.iconButton("close", ioc.text("alarm_notice_close"), close, { id: "close-alarm-notice" })),
      el("ul", {}, alarms.slice(0, NAMED).map(named), more > 0 ? el("li", { class: "quiet" }, ioc.text("alarm_notice_more", { count: more })) : null),
      el("p", { class: "alarm-notice-ways" },
        placed.length ? el("button", { type: "button", id: "alarm-notice-fly", onclick: () => fly(placed) }, ioc.text(placed.length > 1 ? "alarm_notice_fly_many" : "alarm_notice_fly")) : null,
        el("a", { href: alarms.length > 1 ? "/alarms" : `/alarms#${alarms[0].id}` }, ioc.text(alarms.length > 1 ? "alarm_notice_open_many" : "alarm_notice_open"))));
  }

  function fly(alarms) {
    if (ioc.replay.isOn()) ioc.replay.leave();
    const [lons, lats] = [alarms.map((alarm) => alarm.lon), alarms.map((alarm) => alarm.lat)];
    ioc.leaflet.once("moveend", () => alarms.forEach((alarm) => ioc.liveMap.ring(alarm)));
    ioc.mapView.flyTo({ lon: lons[0], lat: lats[0], zoom: 17, bbox: alarms.length > 1 ? [Math.min(...lons), Math.min(...lats), Math.max(...lons), Math.max(...lats)] : null });
    const layer = ioc.liveMap.layers().find((one) => one.topic === "alarm");
    if (alarms.length === 1 && layer) ioc.liveCard.open(layer, String(alarms[0].id), { lon: lons[0], lat: lats[0] });
  }

  // -------------------------------------------------------------- tabs

  let asking = null;

  /** Whether a hidden tab may give its connection back: another one of this browser watches. */
  function mayRest() {
    if (!channel) return Promise.resolve(true);
    return new Promise((resolve) => {
      const own = rank();
      asking = { rank: own, answer: resolve };
      channel.postMessage({ asked: own });
      setTimeout(() => resolve(false), GATHER_MS);
    });
  }

  /** Begins for those who watch; `signedIn` gives who that is. */
  function start(signedIn) {
    let begun = null;
    const ready = signedIn.then((viewer) => (begun = viewer.roles.includes("screen") && begin()), () => (begun = false));
    ioc.live.on("alarm", async (items, whole) => {
      if (begun === null) await ready;
      if (begun) take(items, whole);
    });
  }

  function begin() {
    document.body.append(el("section", { id: "alarm-notice", "aria-live": "assertive", "aria-label": ioc.text("alarm_notice_one") }));
    ioc.alarmSound.start();
    ioc.tell("alarm-sound");
    ioc.on("language", draw);
    if (window.BroadcastChannel) {
      channel = new BroadcastChannel("ioc.alarm_notice");
      channel.addEventListener("message", hear);
      window.addEventListener("pagehide", () => channel.postMessage({ left: true }));
    }
    ioc.live.restWhen(mayRest);
    return true;
  }

  ioc.alarmNotice = { start };
})();
