/* The live stream of the page: one connection, the state it begins from, and what is said when it breaks. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const RETRY_SECONDS = [1, 2, 5, 10, 20, 30];
  const SILENCE_SECONDS = 25; // the server says something every ten
  const HIDDEN_SECONDS = 60; // browsers allow six connections to a server: a tab nobody sees gives its own back
  const MOST_WAITING = 500; // events that come while a snapshot is being read

  const listeners = new Map(); // by topic
  let known = []; // topics that the server has
  let stream = null;
  let position = null; // the last event that the page has
  let gap = true; // events are missing: a snapshot is wanted
  let waiting = [];
  let heardAt = null;
  let attempt = 0;
  let retry = null;
  let hiding = null;
  let ahead = 0; // milliseconds that the server's clock is ahead of the browser's
  let mayRest = async () => true;
  let run = 0; // counts connections: what belongs to one before is ignored
  let state = { connection: "starting", since: null };

  /** Calls `listener(items, whole)` with items of a topic as they come; `whole`: these are all there are. */
  function on(topic, listener) {
    listeners.set(topic, [...(listeners.get(topic) || []), listener]);
    if (stream) reconnect();
  }

  const topics = () => known.filter((topic) => listeners.has(topic));

  function set(connection, since = null) {
    if (state.connection === connection && state.since?.getTime() === since?.getTime()) return;
    state = { connection, since };
    document.body.dataset.live = connection;
    ioc.tell("live", state);
  }

  const deliver = (topic, items, whole) => listeners.get(topic).forEach((listener) => listener(items, whole));

  function close() {
    run += 1;
    clearTimeout(retry);
    stream?.close();
    stream = null;
  }

  /** The connection is gone: what is shown is of the time it was last heard of. */
  function broken() {
    close();
    if (state.connection !== "lost") set("lost", heardAt || new Date());
    retry = setTimeout(reconnect, RETRY_SECONDS[Math.min(attempt, RETRY_SECONDS.length - 1)] * 1000);
    attempt += 1;
  }

  async function reconnect() {
    close();
    const own = run;
    try {
      // The stream itself does not say why it was refused; this leads to the sign-in where that is why.
      if (attempt) await ioc.service.get("/whoami");
    } catch (problem) {
      if (own === run && problem.status !== 401) broken();
      return;
    }
    if (own === run) open();
  }

  function open() {
    const query = new URLSearchParams({ topics: topics().join(",") });
    if (position !== null) query.set("after", position);
    const opened = (stream = new EventSource(`/live?${query}`));
    const hear = (kind, listener) => opened.addEventListener(kind, (event) => {
      heardAt = new Date();
      listener(event);
    });
    for (const topic of topics()) hear(topic, (event) => take(topic, Number(event.lastEventId), event.data));
    hear("beat", beat);
    hear("gap", lost);
    hear("end", () => ioc.service.goToSignIn());
    opened.onerror = broken;
    if (gap) snapshot();
  }

  function take(topic, id, data) {
    if (gap) {
      waiting.push([topic, id, data]);
      if (waiting.length > MOST_WAITING) lost();
    } else if (id > position) {
      position = id;
      deliver(topic, JSON.parse(data), false);
    }
  }

  /** The server is there; it says whether it hears of what happens. */
  function beat(event) {
    const since = JSON.parse(event.data).silent_since;
    if (!gap) position = Math.max(position, Number(event.lastEventId));
    if (since) return set("lost", state.since || new Date(since));
    attempt = 0;
    if (!gap) set("live");
    return undefined;
  }

  function lost() {
    gap = true;
    waiting = [];
    snapshot();
  }

  async function snapshot() {
    const own = ++run;
    let answer;
    try {
      answer = await ioc.service.get(`/live/snapshot?${new URLSearchParams({ topics: topics().join(",") })}`);
    } catch (problem) {
      if (own === run && problem.status !== 401) broken();
      return;
    }
    if (own !== run) return;
    gap = false;
    ahead = Date.parse(answer.at) - Date.now();
    position = answer.event;
    for (const [topic, items] of Object.entries(answer.topics)) deliver(topic, items, true);
    const late = waiting;
    waiting = [];
    late.forEach(([topic, id, data]) => take(topic, id, data));
    set("live");
  }

  function followVisibility() {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(rest, HIDDEN_SECONDS * 1000);
    else wake();
  }

  async function rest() {
    if ((await mayRest()) && document.hidden) close();
  }

  function wake() {
    if (stream || !known.length) return;
    reconnect();
    if (document.hidden) hiding = setTimeout(rest, HIDDEN_SECONDS * 1000);
  }

  /** A stream that has fallen silent without an error is as good as broken. */
  function watch() {
    if (stream && heardAt && Date.now() - heardAt > SILENCE_SECONDS * 1000) broken();
  }

  function start(serverTopics) {
    known = serverTopics;
    if (!topics().length) return;
    open();
    setInterval(watch, 5000);
    document.addEventListener("visibilitychange", followVisibility);
    window.addEventListener("pagehide", close);
    window.addEventListener("pageshow", (event) => event.persisted && reconnect());
  }

  ioc.live = {
    on,
    start,
    wake,
    refresh: lost,
    state: () => state,
    isOpen: () => Boolean(stream),
    /** The server's clock, in milliseconds. */
    now: () => Date.now() + ahead,
    /** `asked` says, as a promise, whether a hidden page may give its connection back. */
    restWhen: (asked) => (mayRest = asked),
  };
})();
