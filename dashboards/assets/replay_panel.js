/* The controls of the replay: open and leave, play and step, how fast, which span, which moment, which situation. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const HOUR = 3600e3;
  const RANGES = { 6: "replay_6_hours", 24: "replay_24_hours", 72: "replay_3_days", 168: "replay_7_days" };
  const PART_BEFORE = 0.1; // of a situation is shown before it and after it
  const FOLLOW_MS = 300000; // how often a span that ends now goes on
  const RETRY_MS = 5000;
  const MOST_NAMED = 3; // layers in one sentence
  const EARLIEST = "2000-01-01T00:00";

  let hours = 24;
  let span = null;
  let answer = null; // what the timeline says of the span
  let situations = [];
  let note = ""; // why a moment is not shown, until the next one
  let failed = ""; // why there is no timeline, until there is one
  let asked = 0;
  let loadedAt = 0;

  const root = () => document.getElementById("replay-panel");
  const node = (id) => document.getElementById(id);
  const isTyping = (target) => target.closest("input:not(#replay-slider), textarea, select, [contenteditable], [role=slider], [role=listbox], [role=grid], [role=treegrid]");
  const isPressable = (target) => target.closest("button, a, summary");

  function build() {
    const button = (id, icon, key, act) => ioc.layerPanel.iconButton(icon, ioc.text(key), act, { id });
    const segments = (name, values, chosen, choose) => el("div", { class: "segments", role: "group", "aria-label": ioc.text(name), id: name.replaceAll("_", "-") },
      values.map(([value, text, long]) => el("button", { type: "button", "data-value": value, "aria-pressed": String(value === chosen), title: long, onclick: () => choose(value) }, text)));
    root().setAttribute("aria-label", ioc.text("replay"));
    node("replay-mark").textContent = ioc.text("replay_long");
    node("replay-alarms").dataset.count = 0;
    root().replaceChildren(
      el("div", { class: "replay-controls" },
        el("span", { class: "tag replayed" }, ioc.text("replay")), el("b", { id: "replay-moment", class: "figures" }),
        el("div", { class: "replay-buttons" },
          button("replay-back", "back", "replay_back", () => ioc.replay.step(-1)), button("replay-play", "play", "replay_play", () => ioc.replay.turn()), button("replay-forward", "forward", "replay_forward", () => ioc.replay.step(1))),
        segments("replay_speed", ioc.replay.SPEEDS.map((minutes) => [minutes, ioc.text("replay_minutes", { minutes }), ioc.text("replay_minutes_long", { minutes })]), ioc.replay.state().speed, ioc.replay.setSpeed),
        el("input", { type: "datetime-local", id: "replay-at", "aria-label": ioc.text("replay_at"), title: ioc.text("replay_at"), min: EARLIEST, step: 60, onchange: typed, onkeydown: quit }),
        segments("replay_range", Object.entries(RANGES).map(([value, key]) => [Number(value), ioc.text(key)]), hours, range),
        el("select", { id: "replay-situation", "aria-label": ioc.text("replay_situations"), onchange: chosen }),
        el("button", { type: "button", class: "text-button strong", id: "replay-close", title: ioc.text("replay_close_long"), onclick: () => ioc.replay.leave() }, ioc.text("replay_close"))),
      ioc.replayTimeline.build(),
      el("p", { id: "replay-said", role: "status" }));
    listSituations();
    if (span) ioc.replayTimeline.show(span, answer, situations);
  }

  function listSituations() {
    const option = (one) => el("option", { value: one.id }, `${ioc.named(one, "title")} ${ioc.clock(one.began_at, { year: false })}`);
    node("replay-situation").replaceChildren(el("option", { value: "" }, ioc.text(situations.length ? "replay_situations" : "replay_no_situations")), ...situations.map(option));
    node("replay-situation").disabled = !situations.length;
  }

  /** Another span: the one of so many hours that ends now or has the moment in its middle. */
  function look(at, wanted = hours) {
    hours = wanted;
    const present = ioc.replay.present();
    const end = at > present - hours * HOUR ? present : Math.min(present, at + (hours * HOUR) / 2);
    return load({ begin: end - hours * HOUR, end });
  }

  async function load(wanted) {
    const own = ++asked;
    span = wanted;
    answer = null;
    loadedAt = Date.now();
    ioc.replayTimeline.show(span, answer, situations);
    draw();
    const query = new URLSearchParams({ from: new Date(span.begin).toISOString(), to: new Date(span.end).toISOString() });
    try {
      const [found, known] = await Promise.all([ioc.service.get(`/live/timeline?${query}`), ioc.service.get("/alarms/situations")]);
      if (own !== asked) return;
      failed = "";
      answer = found;
      situations = known.situations;
      ioc.replay.setClock(found.now);
      listSituations();
      ioc.replayTimeline.show(span, answer, situations);
    } catch (problem) {
      if (own !== asked) return;
      failed = problem.message;
      if (ioc.replay.isPassing(problem)) setTimeout(() => own === asked && load(wanted), RETRY_MS);
    }
    draw();
  }

  function range(wanted) {
    const { moment } = ioc.replay.state();
    look(moment, wanted);
  }

  /** Goes to a moment; one that is still to come, or never was, is refused. */
  function visit(at) {
    note = "";
    if (!(at >= ioc.replayLink.parse(EARLIEST)) || at > ioc.replay.present() + ioc.replay.MINUTE) {
      note = ioc.text("replay_no_such_moment");
      return draw();
    }
    ioc.replay.go(at);
    if (!span || at < span.begin || at > span.end) look(at);
    return undefined;
  }

  const typed = (event) => event.target.value && visit(ioc.replayLink.parse(event.target.value));

  /** Escape closes the calendar of the field, not the replay. */
  function quit(event) {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    event.target.blur();
  }

  function chosen(event) {
    const one = situations.find(({ id }) => String(id) === event.target.value);
    event.target.value = "";
    if (one) playSituation(one);
  }

  function playSituation({ began_at: began, ended_at: ended }) {
    play(Date.parse(began), ended ? Date.parse(ended) : null);
  }

  /** Plays from a moment to another; without one, to the present. */
  function play(at, until) {
    const end = until ?? ioc.replay.present();
    const needed = ((end - at) * (1 + 2 * PART_BEFORE)) / HOUR;
    hours = Object.keys(RANGES).map(Number).find((one) => one >= needed) || 168;
    const last = Math.min(ioc.replay.present(), at + hours * HOUR * (1 - PART_BEFORE));
    ioc.replay.go(at, until);
    ioc.replay.play();
    load({ begin: last - hours * HOUR, end: last });
  }

  function open() {
    if (ioc.replay.isOn()) return ioc.replay.leave();
    visit(ioc.replay.present() - HOUR);
    return node("replay-play").focus();
  }

  /** What there is to say about the moment: what went wrong, what is not kept, what did not report. */
  function words({ problem, leaving, shown, busy }) {
    if (leaving) return ioc.text(ioc.live.state().connection === "lost" ? "replay_leaving_lost" : "replay_leaving");
    if (problem) return `${problem.message}${ioc.replay.isPassing(problem) ? ioc.text("replay_again") : ""}`;
    if (note || failed) return note || failed;
    const kept = answer?.kept;
    if (kept && shown !== null && (!kept.reading || shown < Date.parse(kept.reading))) return ioc.text("replay_not_kept", { time: kept.reading ? ioc.clock(kept.reading) : "—" });
    if (shown !== null && !busy && !ioc.liveMap.layers().some(({ id, topic }) => topic === "reading" && ioc.liveMap.items(id).features.size)) return ioc.text("replay_no_readings");
    return shown === null || ioc.mapSwipe.moment() ? "" : ground(shown);
  }

  /** The layers under what is replayed are those of today: where one was another then, that is said. */
  function ground(shown) {
    const titles = ioc.moments.changedSince(ioc.layers.all().filter((layer) => ioc.layers.isOn(layer.id)), shown).map((layer) => ioc.named(layer, "title"));
    return titles.length ? ioc.text("replay_ground", { titles: titles.slice(0, MOST_NAMED).join(ioc.text("list_mark")), count: titles.length }) : "";
  }

  let wasOn = false;

  function draw(state = ioc.replay.state()) {
    const on = ioc.replay.isOn();
    if (on !== wasOn) turn(on);
    if (!on) return;
    root().dataset.busy = String(state.busy);
    node("replay-moment").textContent = ioc.clock(state.shown ?? state.moment);
    const playing = node("replay-play");
    if (playing.dataset.playing !== String(state.playing)) {
      playing.dataset.playing = String(state.playing);
      const label = ioc.text(state.playing ? "replay_pause" : "replay_play");
      Object.assign(playing, { title: label, ariaLabel: label });
      playing.replaceChildren(ioc.icon(state.playing ? "pause" : "play"));
    }
    const press = (id, value) => root().querySelectorAll(`#${id} button`).forEach((one) => one.setAttribute("aria-pressed", String(Number(one.dataset.value) === value)));
    press("replay-speed", state.speed);
    press("replay-range", hours);
    node("replay-at").max = ioc.replayLink.local(ioc.replay.present());
    if (document.activeElement !== node("replay-at")) node("replay-at").value = ioc.replayLink.local(state.moment);
    const said = words(state);
    if (node("replay-said").textContent !== said) node("replay-said").textContent = said;
    ioc.replayTimeline.place(state.moment);
    drawAlarms(state.alarms);
  }

  /** Alarms of now, whatever moment the map shows. */
  function drawAlarms({ count, worst }) {
    const pill = node("replay-alarms");
    pill.hidden = !count;
    if (Number(pill.dataset.count) === count) return;
    Object.assign(pill.dataset, { count, severity: worst });
    pill.replaceChildren(el("span", {}, ioc.text("replay_alarms", { count })), el("button", { type: "button", onclick: () => ioc.replay.leave() }, ioc.text("replay_close")));
  }

  /** The page looks otherwise while it does not show the present. */
  function turn(on) {
    wasOn = on;
    root().hidden = node("replay-mark").hidden = !on;
    document.body.toggleAttribute("data-replay", on);
    node("tool-replay")?.setAttribute("aria-pressed", String(on));
    if (on) {
      build();
      loadVersions();
    } else {
      node("replay-alarms").hidden = true;
      Object.assign(node("replay-alarms").dataset, { count: 0 });
      note = failed = "";
      span = answer = null;
      asked += 1; // what is on its way comes to nothing
    }
    ioc.recordCard.redraw();
    ioc.layerPanel.draw();
  }

  /** Which versions of layers are kept: without it nothing is said of the ground. */
  async function loadVersions() {
    try {
      await ioc.moments.load();
      draw();
    } catch (problem) {
      if (ioc.replay.isPassing(problem)) setTimeout(() => ioc.replay.isOn() && loadVersions(), RETRY_MS);
    }
  }

  function moved(state) {
    note = "";
    draw(state);
    if (!state.leaving) ioc.view.write();
    if (!span || state.leaving || state.moment === null) return;
    const followed = state.playing && state.moment > span.end - HOUR / 12 && span.end < ioc.replay.present() - HOUR / 12;
    if (followed || (Date.now() - loadedAt > FOLLOW_MS && loadedAt - span.end < FOLLOW_MS)) look(state.moment);
  }

  /** Space plays and pauses, arrows step, T opens, wherever nothing else takes the keys. */
  function pressed(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || isTyping(event.target) || document.querySelector("dialog[open]")) return;
    if (event.key.toLowerCase() === "t") open();
    else if (!ioc.replay.isOn()) return;
    else if (event.key === " " && !isPressable(event.target)) ioc.replay.turn();
    else if (["ArrowLeft", "ArrowRight"].includes(event.key) && !event.target.closest("#map")) ioc.replay.step(event.key === "ArrowLeft" ? -1 : 1);
    else return;
    event.preventDefault();
  }

  function fromAddress() {
    const wanted = ioc.replayLink.read(location.hash);
    if (!wanted) return;
    const sound = wanted.at < ioc.replay.present() && wanted.at >= ioc.replayLink.parse(EARLIEST) && !Number.isNaN(wanted.until);
    if (!sound) {
      ioc.banner.show("replay_unreadable", "warn");
      ioc.view.write();
    } else if (wanted.plays) play(wanted.at, wanted.until);
    else visit(wanted.at);
  }

  function start() {
    ioc.on("replay", moved);
    ioc.on("live", () => draw());
    ioc.on("language", () => ioc.replay.isOn() && (build(), draw()));
    window.addEventListener("resize", ioc.replayTimeline.draw);
    window.addEventListener("hashchange", fromAddress);
    document.addEventListener("keydown", pressed);
    fromAddress();
  }

  ioc.replayPanel = { start, open, playSituation };
})();
