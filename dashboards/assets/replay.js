/* The map as it was: a moment of the past in place of the present, played on from there, and left again. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const MINUTE = 60000;
  const SPEEDS = [1, 5, 15]; // minutes of then in a second
  const TICK_MS = 1000;
  const AHEAD = 3; // moments that are fetched before they are due
  const RETRY_MS = 3000;

  let moment = null; // what is asked for; null: the map shows the present
  let shown = null; // what the map shows: that, or the one before until it is there
  let until = null; // where playing ends; null: at the present
  let playing = false;
  let leaving = false; // until the present state is there
  let problem = null;
  let speed = SPEEDS[1];
  let ahead = 0; // of the server's clock against this one
  let run = 0; // counts what is asked for: what was asked before is ignored
  const fetched = new Map(); // by moment: the one that is wanted and those after it
  const arrived = new Map(); // severity of alarms that came since, by id
  let newestAlarm = null; // that was known when the replay began

  const present = () => Date.now() + ahead;
  const isOn = () => moment !== null;
  /** The clock of what the map shows. */
  const now = () => shown ?? Date.now();
  const clamp = (at) => Math.min(at, Math.floor(present() / MINUTE) * MINUTE);
  const topics = () => ioc.liveMap.layers().map((layer) => layer.topic).sort().join(",");
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  /** Not before the page is seen again. */
  const frame = () => new Promise(requestAnimationFrame);
  const isPassing = ({ status }) => status === 0 || status === 429 || status >= 500;

  const state = () => ({
    moment, shown, until, playing, leaving, problem, speed, busy: isOn() && (leaving || shown !== moment),
    alarms: { count: arrived.size, worst: Math.min(...arrived.values()) },
  });
  const told = () => ioc.tell("replay", state());

  function load(at) {
    if (!fetched.has(at)) {
      const abort = new AbortController();
      const query = new URLSearchParams({ at: new Date(at).toISOString(), topics: topics() });
      const answer = ioc.service.get(`/live/moment?${query}`, { signal: abort.signal });
      answer.catch(() => fetched.get(at)?.answer === answer && fetched.delete(at));
      fetched.set(at, { answer, abort });
    }
    return fetched.get(at).answer;
  }

  /** Forgets the moments that are not wanted any more; what is on its way is not waited for. */
  function keep(wanted) {
    for (const [at, { abort }] of fetched) {
      if (wanted.includes(at)) continue;
      fetched.delete(at);
      abort.abort();
    }
  }

  /** The state at a moment, however long the server is away; null where something else is wanted by then. */
  async function insist(at, own) {
    while (own === run) {
      try {
        const answer = await load(at);
        if (own !== run) return null;
        problem = null;
        return answer;
      } catch (failure) {
        if (own !== run || failure.name === "AbortError") return null;
        problem = failure;
        playing &&= isPassing(failure);
        told();
        if (!isPassing(failure)) return null;
        await pause(RETRY_MS);
      }
    }
    return null;
  }

  async function show(at, own) {
    const answer = await insist(at, own);
    if (!answer) return false;
    moment = shown = at;
    ioc.liveMap.show(answer.topics);
    told();
    return true;
  }

  /** Shows a moment, and goes on playing where it played. */
  function go(at, end = null) {
    leaving = false;
    problem = null;
    moment = clamp(Math.round(at / MINUTE) * MINUTE);
    until = end;
    keep([moment]);
    if (playing) return play();
    told();
    return show(moment, ++run);
  }

  const next = (steps) => Array.from({ length: steps + 1 }, (_, index) => moment + (index + 1) * speed * MINUTE).filter((at) => at <= (until ?? present()));

  async function play() {
    const own = ++run;
    playing = true;
    told();
    if (shown !== moment && !(await show(moment, own))) return;
    while (own === run) {
      const due = performance.now() + TICK_MS;
      const wanted = next(AHEAD);
      if (!wanted.length) return void ended();
      keep(wanted);
      wanted.forEach(load);
      await ioc.liveMap.drawn(); // a slow machine plays slower
      await pause(Math.max(0, due - performance.now()));
      await frame();
      if (!(await show(wanted[0], own))) return;
    }
  }

  /** At the end of what is replayed it stays; at the present it is the present again. */
  function ended() {
    if (until === null) return leave();
    stop();
    until = null;
    told();
    return undefined;
  }

  function stop() {
    if (!playing) return;
    playing = false;
    run += 1;
    keep([]);
    told();
    if (shown !== moment) show(moment, run);
  }

  const turn = () => (playing ? stop() : play());

  function setSpeed(minutes) {
    speed = minutes;
    if (playing) play();
    else told();
  }

  function step(sign) {
    stop();
    go(moment + sign * speed * MINUTE, until);
  }

  /** Back to now: the replayed moment stays until the present state is there. */
  function leave() {
    if (!isOn()) return;
    run += 1;
    playing = false;
    problem = null;
    keep([]);
    leaving = true;
    told();
    ioc.live.refresh();
  }

  function over() {
    moment = shown = until = null;
    leaving = false;
    arrived.clear();
    ioc.liveGlide.forget();
    told();
  }

  /** Whether items that come now are kept from the map; alarms among them are counted. */
  function holds(topic, items, whole) {
    if (isOn() && leaving && whole) over();
    if (topic === "alarm") count(items);
    return isOn();
  }

  function count(items) {
    const before = arrived.size;
    for (const { id, state: reached, severity, silenced } of items) {
      if (reached === "cleared") arrived.delete(id);
      else if (isOn() && newestAlarm !== null && id > newestAlarm && !silenced) arrived.set(id, severity);
    }
    if (!isOn() || newestAlarm === null) newestAlarm = Math.max(newestAlarm ?? 0, ...items.map(({ id }) => id));
    if (arrived.size !== before) told();
  }

  /** How long vehicles take from moment to moment; null: as long as they took. */
  const glideMs = () => (isOn() ? (playing ? TICK_MS : 0) : null);

  const setClock = (server) => (ahead = Date.parse(server) - Date.now());

  ioc.replay = { SPEEDS, MINUTE, state, isOn, now, present, go, play, stop, turn, step, setSpeed, setClock, leave, holds, glideMs, isPassing };
})();
