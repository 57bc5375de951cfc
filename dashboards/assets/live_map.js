/* What happens now, on a transparent map over the map: it is drawn anew without drawing the ground again. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const UPDATE_MS = 500; // at most two pictures a second, however much happens
  const UNKNOWN_MS = 60000; // how often a snapshot is taken because of items that it did not know
  const PANE = "live";
  const REACH = 9; // pixels around a click
  const DRAWN_CHECK_MS = 50;
  const MOST_DRAWING_MS = 3000;

  const shown = new Map(); // LiveItems by layer id
  let layers = [];
  let map = null;
  let moving = false;
  let drawnAt = 0;
  let timer = null;

  const isOn = (id) => ioc.memory.live?.[id] ?? Boolean(layers.find((layer) => layer.id === id)?.visible_by_default);
  const styleId = (layer, part) => `${layer.id}/${part.id}`;

  function style() {
    const sources = Object.fromEntries(layers.map((layer) => [layer.id, {
      type: "geojson", promoteId: "key", data: { type: "FeatureCollection", features: shown.get(layer.id).all() },
      cluster: true, clusterRadius: 46, clusterMaxZoom: layer.cluster_below - 1, clusterProperties: { worst: ["max", ["get", "urgency"]] },
    }]));
    const parts = [...layers].reverse().flatMap((layer) => layer.style.map((part) =>
      ({ ...part, id: styleId(layer, part), source: layer.id, layout: { ...part.layout, visibility: isOn(layer.id) ? "visible" : "none" } })));
    return { version: 8, sources, layers: parts, transition: { duration: 0 } };
  }

  /** Switches layers, as `{id: on}`; without an id, each is as declared. */
  function turn(switches) {
    ioc.remember({ live: switches });
    for (const layer of layers) for (const part of layer.style) map?.setLayoutProperty(styleId(layer, part), "visibility", isOn(layer.id) ? "visible" : "none");
    ioc.layerPanel.draw();
  }

  function take(layer, items, whole) {
    const state = shown.get(layer.id);
    const added = state.take(items, whole);
    if (layer.pulse && (!whole || ioc.replay.state().playing) && isOn(layer.id)) added.forEach((key) => pulse(state.of(key)[0], state.feature(key)));
    if (state.incomplete && !whole) askAgain();
    schedule();
  }

  /** Shows the state of another moment, by topic, in place of the present. */
  function show(topics) {
    for (const layer of layers) take(layer, topics[layer.topic] || [], true);
  }

  const isDrawing = () => timer || layers.some((layer) => shown.get(layer.id).changed.size || !map?.isSourceLoaded(layer.id));

  /** Resolves when what was taken last is on the map, or has not come there for long. */
  async function drawn() {
    for (let n = 0; n < MOST_DRAWING_MS / DRAWN_CHECK_MS && isDrawing(); n += 1) await new Promise((resolve) => setTimeout(resolve, DRAWN_CHECK_MS));
  }

  let askedAt = Date.now();

  /** Something new reports, whose place no event tells. */
  function askAgain() {
    if (Date.now() - askedAt < UNKNOWN_MS) return;
    askedAt = Date.now();
    ioc.live.refresh();
  }

  function schedule() {
    if (timer || moving || !map) return;
    timer = setTimeout(() => requestAnimationFrame(draw), Math.max(0, drawnAt + UPDATE_MS - performance.now()));
  }

  function draw() {
    timer = null;
    if (moving || document.hidden) return;
    drawnAt = performance.now();
    for (const layer of layers) {
      const state = shown.get(layer.id);
      if (!state.changed.size) continue;
      const changes = { add: [], remove: [] };
      for (const key of state.changed) {
        const feature = state.feature(key);
        if (feature) changes.add.push(layer.glide ? ioc.liveGlide.placed(layer, feature) : feature);
        else changes.remove.push(key);
      }
      const changed = new Set(state.changed);
      state.changed.clear();
      map.getSource(layer.id)?.updateData(changes);
      ioc.tell("live-items", layer);
      ioc.liveCard.changed(layer, changed);
    }
  }

  const pulse = (item, feature) => feature && !item.silenced && ring(item);

  /** A ring that spreads once from what is new, drawn by the page and not by the map; one for each item. */
  function ring({ id, lon, lat, severity }) {
    if (document.hidden || !ioc.leaflet.getBounds().contains([lat, lon])) return;
    const pane = ioc.leaflet.getPane(PANE); // an alarm may come before the map of live layers is there
    if (!pane || pane.querySelector(`.live-pulse[data-id="${id}"]`)) return;
    const node = ioc.element("i", { class: "live-pulse", "data-id": id, "data-severity": severity, onanimationend: () => node.remove() });
    const at = ioc.leaflet.latLngToLayerPoint([lat, lon]);
    node.style.left = `${at.x}px`;
    node.style.top = `${at.y}px`;
    pane.append(node);
  }

  /** What is under a place of the page, uppermost first. */
  function hit(latlng) {
    if (!map) return null;
    const { x, y } = map.project([latlng.lng, latlng.lat]);
    const ids = layers.filter((layer) => isOn(layer.id)).flatMap((layer) => layer.style.map((part) => styleId(layer, part)));
    const box = [[x - REACH, y - REACH], [x + REACH, y + REACH]];
    const [found] = map.queryRenderedFeatures(box, { layers: ids.filter((id) => map.getLayer(id)) });
    return found ? { layer: layers.find((layer) => layer.id === found.source), feature: found } : null;
  }

  function follow() {
    ioc.leaflet.on("movestart zoomstart", () => (moving = true));
    ioc.leaflet.on("moveend zoomend", () => {
      moving = false;
      document.querySelectorAll(".live-pulse").forEach((ring) => ring.remove());
      schedule();
    });
    document.addEventListener("visibilitychange", schedule);
    ioc.on("live-devices", grey);
    ioc.on("theme", restyle);
  }

  /** Devices went offline or came back: what they measured last looks otherwise now. */
  function grey(devices) {
    for (const layer of layers) {
      if (!layer.stale_after_intervals) continue;
      const state = shown.get(layer.id);
      for (const key of state.features.keys()) if (!devices || state.of(key).some(({ device }) => devices.has(device))) state.changed.add(key);
    }
    schedule();
  }

  async function restyle() {
    layers = (await ioc.service.getAtLast(`/live/layers?theme=${ioc.memory.theme}`)).layers;
    for (const layer of layers) shown.get(layer.id).layer = layer;
    map?.setStyle(style());
    ioc.tell("live-items", null);
  }

  async function start() {
    const answer = await ioc.service.getAtLast(`/live/layers?theme=${ioc.memory.theme}`);
    layers = answer.layers;
    for (const layer of layers) {
      shown.set(layer.id, new ioc.liveItems.LiveItems(layer));
      ioc.live.on(layer.topic, (items, whole) => ioc.replay.holds(layer.topic, items, whole) || take(layer, items, whole));
    }
    ioc.tell("live-items", null);
    ioc.live.start(answer.topics);
    // Not before the map itself is there, which people wait for.
    await ioc.ready;
    Object.assign(ioc.leaflet.createPane(PANE).style, { zIndex: 350, pointerEvents: "none" });
    map = ioc.mapView.another({ style: style(), pane: PANE }).getMaplibreMap();
    await map.once("load");
    for (const state of shown.values()) for (const key of state.features.keys()) state.changed.add(key);
    follow();
    ioc.liveGlide.start(map);
    schedule();
  }

  ioc.liveMap = { start, show, drawn, turn, isOn, hit, ring, layers: () => layers, items: (id) => shown.get(id), isMoving: () => moving, map: () => map };
})();
