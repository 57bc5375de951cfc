/* Vehicles glide from fix to fix: drawn as often as the fastest one moves by a pixel, and only while one moves. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const FASTEST_MS = 80;
  const SLOWEST_MS = 500;
  const LONGEST_GLIDE_MS = 30000;
  const JUMP_DEGREES = 0.01; // a kilometre between two fixes is not a way that anybody drove

  const glides = new Map(); // by layer id: glides by key
  let map = null;
  let timer = null;

  const of = (layer) => glides.get(layer.id) || glides.set(layer.id, new Map()).get(layer.id);

  function placeAt({ from, to, begun, lasts }, now) {
    const part = Math.min(1, (now - begun) / lasts);
    return [from[0] + (to[0] - from[0]) * part, from[1] + (to[1] - from[1]) * part];
  }

  /** The feature where it is shown at this moment; its way to the new fix begins there. */
  function placed(layer, feature) {
    const { key, at } = feature.properties;
    const to = feature.geometry.coordinates;
    const now = performance.now();
    const known = of(layer).get(key);
    if (known?.at === at) return { ...feature, geometry: { type: "Point", coordinates: placeAt(known, now) } };
    const replayed = ioc.replay.glideMs();
    const from = known ? placeAt(known, now) : to;
    const far = replayed === null ? Math.hypot(to[0] - from[0], to[1] - from[1]) > JUMP_DEGREES : !replayed;
    const lasts = replayed ?? Math.min(LONGEST_GLIDE_MS, known ? Date.parse(at) - Date.parse(known.at) : 0);
    of(layer).set(key, { at, from: far ? to : from, to, begun: now, lasts: Math.max(1, lasts) });
    schedule(FASTEST_MS);
    return { ...feature, geometry: { type: "Point", coordinates: far ? to : from } };
  }

  function schedule(ms) {
    if (!timer && map) timer = setTimeout(() => requestAnimationFrame(step), ms);
  }

  const mayGlide = () => !document.hidden && (ioc.replay.isOn() || ioc.live.state().connection === "live");

  function step() {
    timer = null;
    if (!mayGlide()) return;
    if (ioc.liveMap.isMoving()) return schedule(SLOWEST_MS);
    const now = performance.now();
    let fastest = 0; // pixels per millisecond
    const bounds = ioc.leaflet.getBounds().pad(0.1);
    for (const layer of ioc.liveMap.layers()) {
      if (!layer.glide || !ioc.liveMap.isOn(layer.id) || ioc.mapView.tileZoom() < layer.cluster_below) continue;
      const update = [];
      for (const [key, glide] of of(layer)) {
        if (!ioc.liveMap.items(layer.id).features.has(key)) of(layer).delete(key);
        if (glide.done || !bounds.contains([glide.to[1], glide.to[0]])) continue;
        glide.done = now >= glide.begun + glide.lasts;
        update.push({ id: key, newGeometry: { type: "Point", coordinates: placeAt(glide, now) } });
        if (!glide.done) fastest = Math.max(fastest, pixels(glide) / glide.lasts);
      }
      if (update.length) map.getSource(layer.id)?.updateData({ update });
    }
    if (fastest) schedule(Math.min(SLOWEST_MS, Math.max(FASTEST_MS, 1 / fastest)));
    return undefined;
  }

  function pixels({ from, to }) {
    const one = ioc.leaflet.project([from[1], from[0]]);
    return one.distanceTo(ioc.leaflet.project([to[1], to[0]]));
  }

  function start(drawn) {
    map = drawn;
    ioc.leaflet.on("moveend zoomend", () => schedule(FASTEST_MS));
    document.addEventListener("visibilitychange", () => schedule(FASTEST_MS));
    ioc.on("live", () => schedule(FASTEST_MS));
  }

  /** The next fix of a vehicle is not reached from the last one. */
  const forget = () => glides.clear();

  ioc.liveGlide = { start, placed, forget };
})();
