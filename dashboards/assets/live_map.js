/* What happens now, over the map: only what looks otherwise than before is a reason to draw, and drawing is paced. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const LEAST_PAUSE_MS = 150; // between pictures, however much happens
  const MOST_PAUSE_MS = 1000;
  const REST = 3; // times that the last picture took: most of the page's time is not for this one
  const UNKNOWN_MS = 60000; // how often a snapshot is taken because of items that it did not know
  const PANE = "live";
  const EDGE = 40; // pixels that a mark may reach into the picture from outside
  const REACH = 5; // pixels around what is clicked

  const shown = new Map(); // LiveItems by layer id
  const marks = new Map(); // LiveMarks by layer id
  let layers = [];
  let canvas = null;
  let sheets = []; // what is drawn, of each layer that is on, the lowest first
  let moving = false;
  let timer = null;
  let nextAt = Infinity; // when the next picture is drawn
  let due = false; // to be drawn though nothing came
  let drawnAt = 0;
  let took = 0; // what the last picture took

  const isOn = (id) => ioc.memory.live?.[id] ?? Boolean(layers.find((layer) => layer.id === id)?.visible_by_default);

  /** Switches layers, as `{id: on}`; without an id, each is as declared. */
  function turn(switches) {
    ioc.remember({ live: switches });
    drawAnew();
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

  const isDrawing = () => due || layers.some(({ id }) => shown.get(id).changed.size);

  /** Resolves when what was taken last is on the map. */
  const drawn = () => new Promise((resolve) => (isDrawing() ? ioc.events.addEventListener("live-drawn", resolve, { once: true }) : resolve()));

  let askedAt = Date.now();

  /** Something new reports, whose place no event tells. */
  function askAgain() {
    if (Date.now() - askedAt < UNKNOWN_MS) return;
    askedAt = Date.now();
    ioc.live.refresh();
  }

  /** Draws so many milliseconds after the last picture, or later where pictures take long; an earlier time stands. */
  function schedule(ms = LEAST_PAUSE_MS) {
    const at = drawnAt + Math.max(ms, Math.min(MOST_PAUSE_MS, REST * took));
    if (at >= nextAt || moving || !canvas) return;
    nextAt = at;
    clearTimeout(timer);
    timer = setTimeout(() => requestAnimationFrame(next), Math.max(0, at - performance.now()));
  }

  function drawAnew(ms) {
    due = true;
    schedule(ms);
  }

  function next() {
    nextAt = Infinity;
    if (!moving && !document.hidden) draw();
  }

  function draw() {
    const begun = performance.now();
    const changed = layers.filter(({ id }) => shown.get(id).changed.size);
    const told = changed.map((layer) => [layer, new Set(shown.get(layer.id).changed)]);
    for (const layer of layers) due = follow(layer) || due;
    const glideOn = due ? paint() : Infinity;
    due = false;
    drawnAt = performance.now();
    // Until the browser asks for the next picture this one is still in the making.
    requestAnimationFrame(() => (took = performance.now() - begun));
    for (const [layer, keys] of told) {
      ioc.tell("live-items", layer);
      ioc.liveCard.changed(layer, keys);
    }
    ioc.tell("live-drawn");
    if (glideOn < Infinity && mayGlide()) drawAnew(glideOn);
  }

  /** Whether anything of a layer that is in the picture looks otherwise now. */
  function follow(layer) {
    const state = shown.get(layer.id);
    if (layer.glide) state.changed.forEach((key) => ioc.liveGlide.head(state, key));
    const isOtherwise = marks.get(layer.id).follow(state.changed, ioc.mapView.tileZoom(), ({ at }) => isSeen(at));
    state.changed.clear();
    return isOtherwise && isOn(layer.id);
  }

  const inPicture = ([x, y]) => window.L.point(x, y).subtract(canvas.origin());

  function isSeen(at) {
    const { x, y } = inPicture(at);
    const size = canvas.size();
    return x > -EDGE && y > -EDGE && x < size.x + EDGE && y < size.y + EDGE;
  }

  /** Paints what is in the picture; gives the milliseconds after which something will have glided on, or Infinity. */
  function paint() {
    let soonest = Infinity;
    sheets = [...layers].reverse().filter(({ id }) => isOn(id)).map((layer) => {
      const [state, of] = [shown.get(layer.id), marks.get(layer.id)];
      const gliding = layer.glide && !of.isGrouped();
      const seen = of.all().filter(({ at }) => isSeen(at));
      for (const mark of seen) Object.assign(mark, inPicture(gliding ? ioc.liveMarks.pixels(ioc.liveGlide.place(state, mark), of.zoom) : mark.at));
      if (gliding) soonest = Math.min(soonest, ioc.liveGlide.pause(state, seen));
      return { layer, marks: seen };
    });
    canvas.paint(sheets.map((sheet) => sheet.marks));
    return soonest;
  }

  const mayGlide = () => ioc.replay.isOn() || ioc.live.state().connection === "live";

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
    if (!canvas) return null;
    const at = ioc.leaflet.project(latlng).subtract(canvas.origin());
    for (const sheet of [...sheets].reverse()) {
      const mark = sheet.marks.findLast((one) => at.distanceTo(one) <= REACH + radius(one) || one.written.some((box) => holds(box, at)));
      if (mark) return { layer: sheet.layer, mark };
    }
    return null;
  }

  const radius = ({ parts }) => Math.max(0, ...parts.map((part) => part?.radius ?? 0));
  const holds = ({ left, top, right, bottom }, { x, y }) => x >= left && x <= right && y >= top && y <= bottom;

  /** What is drawn, on the screen and around it: `{layer, properties}` of each mark. */
  const seen = () => sheets.flatMap(({ layer, marks: drawnMarks }) => drawnMarks.map(({ properties }) => ({ layer: layer.id, properties })));

  function followPage() {
    ioc.leaflet.on("movestart zoomstart", () => (moving = true));
    ioc.leaflet.on("moveend zoomend", () => {
      moving = false;
      document.querySelectorAll(".live-pulse").forEach((node) => node.remove());
    });
    for (const event of ["live", "live-symbol"]) ioc.on(event, () => drawAnew());
    document.addEventListener("visibilitychange", () => drawAnew());
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
    for (const layer of layers) {
      shown.get(layer.id).layer = layer;
      marks.get(layer.id).restyle();
    }
    drawAnew();
    ioc.tell("live-items", null);
  }

  async function start() {
    const answer = await ioc.service.getAtLast(`/live/layers?theme=${ioc.memory.theme}`);
    layers = answer.layers;
    for (const layer of layers) {
      const items = new ioc.liveItems.LiveItems(layer);
      shown.set(layer.id, items);
      marks.set(layer.id, new ioc.liveMarks.LiveMarks(items));
      ioc.live.on(layer.topic, (taken, whole) => ioc.replay.holds(layer.topic, taken, whole) || take(layer, taken, whole));
    }
    ioc.tell("live-items", null);
    ioc.live.start(answer.topics);
    // Not before the map itself is there, which people wait for.
    await ioc.ready;
    Object.assign(ioc.leaflet.createPane(PANE).style, { zIndex: 350, pointerEvents: "none" });
    canvas = ioc.liveCanvas.create(PANE, () => {
      due = true;
      draw();
    });
    followPage();
    canvas.addTo(ioc.leaflet);
  }

  ioc.liveMap = { start, show, drawn, turn, isOn, hit, seen, ring, layers: () => layers, items: (id) => shown.get(id), canvas: () => canvas?.canvas() ?? null };
})();
