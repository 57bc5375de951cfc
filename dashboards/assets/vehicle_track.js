/* Where the vehicle drove whose card is open: a line on the map, up to now or to the moment that is replayed. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const SPANS = { none: 0, hour: 1, shift: 6, day: 24 }; // hours
  const REFRESH_MS = 15000; // about how often a vehicle says where it is

  let span = "hour";
  let shown = { code: null };
  let lines = null;

  const layerOf = () => ioc.liveMap.layers().find((layer) => layer.topic === "position");

  /** The card shows another feature, or none. */
  function follow(feature) {
    const code = feature?.live && feature.live === layerOf()?.id ? feature.key : null;
    if (code === shown.code) return;
    shown = { code };
    erase();
    if (code) ask();
  }

  /** The part of a vehicle's card; null for a card of something else. */
  const part = () => (shown.code ? element() : null);

  function erase() {
    lines?.remove();
    lines = null;
  }

  async function ask() {
    const own = shown;
    const asked = (own.asked = Symbol(span));
    if (span === "none") return;
    const end = ioc.replay.now();
    const times = new URLSearchParams({ from: new Date(end - SPANS[span] * 3600e3).toISOString(), to: new Date(end).toISOString() });
    try {
      const track = await ioc.service.get(`/vehicles/${encodeURIComponent(own.code)}/track?${times}`);
      if (own === shown && own.asked === asked) Object.assign(own, { track, problem: null });
    } catch (problem) {
      const unheard = problem.status === 404; // its positions are told, but none is kept yet
      if (own === shown && own.asked === asked) Object.assign(own, unheard ? { track: { parts: [] }, problem: null } : { track: null, problem });
    }
    if (own === shown && own.asked === asked) draw();
  }

  function draw() {
    erase();
    if (span !== "none" && shown.track) {
      lines = window.L.layerGroup(shown.track.parts.map((places) =>
        window.L.polyline(places.map(ioc.drawing.latLng), { ...ioc.drawing.look(), weight: 4, opacity: 0.75, fill: false }))).addTo(ioc.leaflet);
    }
    document.getElementById("vehicle-track")?.replaceWith(element());
  }

  function choose(wanted) {
    span = wanted;
    shown.track = null;
    draw();
    ask();
    document.querySelector(`#vehicle-track [data-span=${wanted}]`)?.focus();
  }

  function words() {
    if (span === "none") return "";
    if (!shown.track) return ioc.text("record_busy");
    const { parts, length_m: metres } = shown.track;
    return parts.length ? ioc.text("vehicle_driven", { length: (metres / 1000).toFixed(1) }) : ioc.text("vehicle_no_track");
  }

  function element() {
    return el("section", { id: "vehicle-track", "aria-label": ioc.text("vehicle_track") },
      el("h3", {}, ioc.text("vehicle_track")),
      el("div", { class: "segments", role: "group", "aria-label": ioc.text("vehicle_track") }, Object.keys(SPANS).map((one) =>
        el("button", { type: "button", "data-span": one, "aria-pressed": String(one === span), onclick: () => choose(one) }, ioc.text(`vehicle_track_${one}`)))),
      shown.problem ? ioc.service.note(shown.problem, ask) : el("p", { class: "quiet figures", role: "status" }, words()));
  }

  const isShown = () => document.getElementById("vehicle-track") !== null;

  function start() {
    ioc.on("replay", ({ playing }) => {
      if (!playing && isShown()) ask();
    });
    setInterval(() => {
      if (!document.hidden && isShown() && !ioc.replay.isOn()) ask();
    }, REFRESH_MS);
  }

  ioc.vehicleTrack = { start, follow, part };
})();
