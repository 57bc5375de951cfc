/* Vehicles glide from fix to fix: drawn as often as the fastest one moves by a pixel, and only while one moves. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const FASTEST_MS = 80;
  const SLOWEST_MS = 500;
  const LONGEST_GLIDE_MS = 30000;
  const JUMP_DEGREES = 0.01; // a kilometre between two fixes is not a way that anybody drove

  let glides = new WeakMap(); // by the items of a layer: glides by key

  const of = (items) => glides.get(items) || glides.set(items, new Map()).get(items);

  function placeAt({ from, to, begun, lasts }, now) {
    const part = Math.min(1, (now - begun) / lasts);
    return [from[0] + (to[0] - from[0]) * part, from[1] + (to[1] - from[1]) * part];
  }

  /** The way to a feature's new fix begins where it is shown at this moment. */
  function head(items, key) {
    const feature = items.feature(key);
    const known = of(items).get(key);
    if (!feature) return of(items).delete(key);
    const { at } = feature.properties;
    if (known?.at === at) return undefined;
    const to = feature.geometry.coordinates;
    const now = performance.now();
    const replayed = ioc.replay.glideMs();
    const from = known ? placeAt(known, now) : to;
    const far = replayed === null ? Math.hypot(to[0] - from[0], to[1] - from[1]) > JUMP_DEGREES : !replayed;
    const lasts = replayed ?? Math.min(LONGEST_GLIDE_MS, known ? Date.parse(at) - Date.parse(known.at) : 0);
    return of(items).set(key, { at, from: far ? to : from, to, begun: now, lasts: Math.max(1, lasts) });
  }

  /** Where a mark is shown at this moment. */
  function place(items, mark) {
    const glide = of(items).get(mark.properties.key);
    return glide ? placeAt(glide, performance.now()) : mark.coordinates;
  }

  /** Milliseconds after which one of the marks is a pixel further, as far as they move; otherwise Infinity. */
  function pause(items, marks) {
    const now = performance.now();
    const moving = marks.map(({ properties }) => of(items).get(properties.key)).filter((glide) => glide && now < glide.begun + glide.lasts);
    const fastest = Math.max(0, ...moving.map((glide) => pixels(glide) / glide.lasts));
    return fastest ? Math.min(SLOWEST_MS, Math.max(FASTEST_MS, 1 / fastest)) : Infinity;
  }

  function pixels({ from, to }) {
    const one = ioc.leaflet.project([from[1], from[0]]);
    return one.distanceTo(ioc.leaflet.project([to[1], to[0]]));
  }

  /** The next fix of a vehicle is not reached from the last one. */
  const forget = () => (glides = new WeakMap());

  ioc.liveGlide = { head, place, pause, forget };
})();
