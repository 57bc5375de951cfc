/* The state of the map as a short text for links and saved views: versioned, and harmless when it is rubbish. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const VERSION = 1;
  const LONGEST = 12000;
  const isObject = (value) => Boolean(value) && typeof value === "object" && !Array.isArray(value);
  const isId = (value) => typeof value === "string" && /^[a-z][a-z0-9_]{0,62}$/.test(value);
  const entries = (value, sound) => (isObject(value) ? Object.entries(value).filter(([id, part]) => isId(id) && sound(part)) : []);

  function pack(value) {
    const bytes = new TextEncoder().encode(JSON.stringify(value));
    return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  }

  function unpack(text) {
    const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  }

  /** What is seen now: layers, live layers, opacity, filters, order, variants, theme, place and the chosen feature. */
  function current() {
    const { lat, lng } = ioc.leaflet.getCenter();
    const on = ioc.layers.all().filter((layer) => ioc.layers.isOn(layer.id)).map((layer) => layer.id);
    const state = { l: on, c: [ioc.leaflet.getZoom(), Number(lat.toFixed(6)), Number(lng.toFixed(6))], t: ioc.memory.theme };
    for (const [key, name] of Object.entries(KEPT)) if (Object.keys(ioc.memory[name] || {}).length) state[key] = ioc.memory[name];
    const chosen = ioc.recordCard.chosen();
    if (chosen) state.s = [chosen.layer, chosen.id];
    if (ioc.baseMap.chosen()) state.b = ioc.memory.base;
    if (ioc.mapSwipe.state()) state.w = ioc.mapSwipe.state();
    return `${VERSION}.${pack(state)}`;
  }

  const KEPT = { o: "opacity", f: "filters", r: "order", v: "variants", n: "live" };

  /** The state in a text; null for anything that is not one. */
  function read(text) {
    const found = /^(\d{1,3})\.([A-Za-z0-9_-]+)$/.exec(text || "");
    if (!found || Number(found[1]) !== VERSION || text.length > LONGEST) return null;
    try {
      const state = unpack(found[2]);
      return isObject(state) && Array.isArray(state.l) ? sound(state) : null;
    } catch {
      return null;
    }
  }

  function sound(state) {
    const finite = Array.isArray(state.c) && state.c.length === 3 && state.c.every(Number.isFinite);
    const [zoom, lat, lon] = finite ? state.c : [];
    const selected = Array.isArray(state.s) && isId(state.s[0]) && Number.isSafeInteger(state.s[1]);
    return {
      layers: state.l.filter(isId),
      place: finite && Math.abs(lat) <= 85 && Math.abs(lon) <= 180 && zoom >= 0 && zoom <= 24 ? { zoom, lat, lon } : null,
      theme: ["night", "day", "print"].includes(state.t) ? state.t : null,
      opacity: Object.fromEntries(entries(state.o, (part) => part >= 0 && part <= 1)),
      filters: Object.fromEntries(entries(state.f, Array.isArray)),
      order: Array.isArray(state.r) ? state.r.filter(isId) : [],
      variants: Object.fromEntries(entries(state.v, (part) => typeof part === "string")),
      live: Object.fromEntries(entries(state.n, (part) => typeof part === "boolean")),
      base: isId(state.b) ? state.b : "",
      swipe: isObject(state.w) ? soundSwipe(state.w) : null,
      selected: selected ? { layer: state.s[0], id: state.s[1] } : null,
    };
  }

  function soundSwipe({ left, right, look, layers, share }) {
    const moment = (text) => (typeof text === "string" && text.length < 40 && !Number.isNaN(Date.parse(text)) ? text : "");
    return {
      left: moment(left),
      right: moment(right),
      look: typeof look === "string" && /^(theme:(night|day|print)|base:[a-z][a-z0-9_]{0,62})$/.test(look) ? look : "",
      layers: Array.isArray(layers) ? layers.filter(isId) : null,
      share: share > 0 && share < 1 ? share : 0.5,
    };
  }

  /** Takes a state over into what the page remembers; layers that are not named are off. */
  function remember(state, layers) {
    const on = Object.fromEntries(layers.map((layer) => [layer.id, state.layers.includes(layer.id)]));
    const { opacity, filters, order, variants, live, base } = state;
    ioc.remember({ layers: on, opacity, filters, order, variants, live, base });
    ioc.filters.keepSound();
  }

  /** Before the map is made: what the address asks for. Gives the state, or null. */
  function fromAddress(layers) {
    const text = new URLSearchParams(location.search).get("view");
    if (text === null) return null;
    const state = read(text);
    if (!state) ioc.banner.show("view_unreadable", "warn");
    else remember(state, layers);
    const address = new URL(location.href);
    address.searchParams.delete("view");
    if (state?.place) address.hash = `#${state.place.zoom}/${state.place.lat}/${state.place.lon}${/\/@.*$/.exec(location.hash)?.[0] ?? ""}`;
    history.replaceState(null, "", address);
    return state;
  }

  function themeOfAddress() {
    const state = read(new URLSearchParams(location.search).get("view"));
    return state?.theme || ioc.memory.theme;
  }

  /** Shows a state on the running page. */
  function show(state) {
    remember(state, ioc.layers.all());
    if (state.theme && state.theme !== ioc.memory.theme) ioc.applyTheme(state.theme);
    else ioc.layers.changed();
    ioc.liveMap.turn(state.live);
    if (state.place) ioc.leaflet.setView([state.place.lat, state.place.lon], state.place.zoom);
    ioc.mapSwipe.restore(state.swipe);
    select(state);
  }

  function select(state) {
    if (state?.selected && ioc.layers.find(state.selected.layer)) ioc.recordCard.open(state.selected.layer, state.selected.id, "", null);
  }

  const link = () => `${location.origin}/?view=${current()}${ioc.replayLink.mark() && `#${ioc.replayLink.mark()}`}`;

  ioc.viewState = { current, read, fromAddress, themeOfAddress, show, select, link };
})();
