/* The nearest cameras, fire-fighting facilities and the like to a place, with the way to each drawn. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const KINDS = { camera: "camera", fire: "component", facility: "facility", crew: null }; // by the layer that each is in
  const COUNT = 5;
  let at = null; // [lon, lat]
  let kind = "camera";
  let state = { name: "closed" };
  let routes = null;

  const root = () => document.getElementById("nearest-panel");

  /** The kinds whose layer this viewer may see. */
  const offered = () => Object.keys(KINDS).filter((id) => !KINDS[id] || ioc.layers.find(KINDS[id]));

  function ask(point) {
    if (!offered().includes(kind)) [kind] = offered();
    ioc.queryPanel.close();
    ioc.layerStatistics.close(); // it would lie over the answer
    at = point;
    return fetchNearest();
  }

  async function fetchNearest() {
    set({ name: "busy" });
    const query = new URLSearchParams({ kind, lon: at[0].toFixed(8), lat: at[1].toFixed(8), n: COUNT });
    try {
      set({ name: "found", answer: await ioc.service.get(`/nearest?${query}`) });
    } catch (problem) {
      set({ name: "problem", problem: problem.status === 404 ? { message: ioc.text("nearest_no_right") } : problem });
    }
  }

  function set(next) {
    state = next;
    routes?.remove();
    routes = null;
    if (state.name === "found") drawRoutes(state.answer.features);
    draw();
  }

  function drawRoutes(features) {
    routes = window.L.layerGroup().addTo(ioc.leaflet);
    for (const feature of features) {
      const dashArray = feature.by === "straight" ? "4 6" : null;
      routes.addLayer(window.L.polyline(feature.route.map(ioc.drawing.latLng), { ...ioc.drawing.look(), weight: 3, fill: false, dashArray }));
      routes.addLayer(window.L.circleMarker([feature.lat, feature.lon], { ...ioc.drawing.look(), radius: 5, fillOpacity: 1 }));
    }
    routes.addLayer(window.L.circleMarker(ioc.drawing.latLng(at), { ...ioc.drawing.look(), radius: 7, weight: 3 }));
  }

  const close = () => set({ name: "closed" });

  function draw() {
    root().hidden = state.name === "closed";
    root().dataset.state = state.name;
    root().setAttribute("aria-label", ioc.text("nearest_title"));
    if (state.name === "closed") return root().replaceChildren();
    const pick = (id) => {
      kind = id;
      fetchNearest();
    };
    return root().replaceChildren(
      el("div", { class: "panel-head" }, el("h2", {}, ioc.text("nearest_title")), ioc.layerPanel.iconButton("close", ioc.text("query_close"), close, { id: "close-nearest" })),
      el("div", { class: "segments nearest-kinds", role: "group" }, offered().map((id) =>
        el("button", { type: "button", "aria-pressed": String(id === kind), "data-kind": id, onclick: () => pick(id) }, ioc.text(`nearest_${id}`)))),
      el("div", { class: "query-body" }, body()));
  }

  function body() {
    if (state.name === "busy") return el("p", { class: "empty", role: "status" }, ioc.text("query_busy"));
    if (state.name === "problem") return ioc.service.note(state.problem, fetchNearest);
    const { features, layer } = state.answer;
    if (!features.length) return el("p", { class: "empty", role: "status" }, ioc.text("nearest_none"));
    return [el("ul", { class: "nearest-list" }, features.map((feature) => row(layer, feature))),
      el("p", { class: "quiet query-size" }, ioc.text("nearest_note"))];
  }

  function row(layer, feature) {
    const go = () => {
      ioc.mapView.flyTo(feature);
      if (!layer) return; // a vehicle has no record of its own
      if (!ioc.layers.isOn(layer)) ioc.layers.turn(layer, true);
      ioc.recordCard.open(layer, feature.id, feature.title, { lon: feature.lon, lat: feature.lat });
    };
    return el("li", {}, el("button", { type: "button", onclick: go }, el("span", {}, feature.title),
      el("b", { class: "figures", "data-metres": feature.metres }, ioc.quantity.length(feature.metres)),
      el("small", { class: "quiet" }, ioc.text(`nearest_by_${feature.by}`))));
  }

  function start() {
    document.getElementById("query-panel").after(el("aside", { id: "nearest-panel", "aria-live": "polite", hidden: true }));
    ioc.on("language", draw);
    ioc.on("theme", () => routes?.eachLayer((shape) => shape.setStyle({ color: ioc.token("accent") })));
  }

  ioc.nearest = { start, ask, close };
})();
