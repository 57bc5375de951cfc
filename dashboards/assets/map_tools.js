/* The tools on the map: ask about a radius, a line, a polygon or an area; measure a length or an area. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const LINE_BUFFER = 50; // metres
  const AREA_LEVELS = ["street", "community", "unit_grid"];
  const TOOLS = [
    { id: "radius", mode: "radius", done: askRadius },
    { id: "buffer", mode: "line", done: askLine },
    { id: "polygon", mode: "polygon", done: askPolygon },
    { id: "area", mode: "spot", done: askArea },
    { id: "nearest", mode: "spot", done: ([point]) => ioc.nearest.ask(point), hint: "tool_hint_nearest" },
    { id: "length", mode: "line", done: measured, measure: true },
    { id: "surface", mode: "polygon", done: measured, measure: true },
  ];
  let chosen = null;
  let level = "community";
  let kept = null; // the measured shape, which stays until the next tool

  const { length, area } = ioc.geodesic;

  function build() {
    document.getElementById("map-tools").setAttribute("aria-label", ioc.text("tools"));
    document.getElementById("map-tools").replaceChildren(
      el("div", { role: "toolbar", "aria-label": ioc.text("tools"), class: "tool-buttons" }, TOOLS.map((tool) =>
        el("button", { type: "button", class: "icon-button", id: `tool-${tool.id}`, title: ioc.text(`tool_${tool.id}`), "aria-label": ioc.text(`tool_${tool.id}`), "aria-pressed": "false", onclick: () => choose(tool) }, ioc.icon(`tool_${tool.id}`))),
        el("button", { type: "button", class: "icon-button", id: "tool-replay", title: `${ioc.text("replay_open")} (T)`, "aria-label": ioc.text("replay_open"), "aria-keyshortcuts": "t", "aria-pressed": String(ioc.replay.isOn()), onclick: () => ioc.replayPanel.open() }, ioc.icon("tool_replay"))),
      el("div", { id: "tool-hint", hidden: true }, el("b", { id: "tool-measure", class: "figures" }), el("span", { class: "quiet" })));
    if (chosen) say(chosen, []);
    press();
  }

  function press() {
    for (const tool of TOOLS) document.getElementById(`tool-${tool.id}`).setAttribute("aria-pressed", String(chosen === tool));
  }

  function choose(tool) {
    clear();
    if (chosen === tool) return leave();
    ioc.recordCard.close();
    chosen = tool;
    ioc.drawing.begin(tool.mode, {
      told: (points) => say(tool, points),
      done: (points) => {
        leave();
        tool.done(points, tool);
      },
      cancelled: leave,
    });
    press();
    return undefined;
  }

  function leave() {
    ioc.drawing.end();
    chosen = null;
    document.getElementById("tool-hint").hidden = true;
    press();
  }

  /** The measure so far and what the keys do. */
  function say(tool, points) {
    const hint = document.getElementById("tool-hint");
    hint.hidden = false;
    show(tool, points);
    hint.lastChild.replaceChildren(...(tool.id === "area" ? [ioc.text("tool_hint_area"), levels()] : [ioc.text(tool.hint || `tool_hint_${tool.mode}`)]));
  }

  function show(tool, points) {
    const node = document.getElementById("tool-measure");
    const closed = tool.mode === "polygon" && points.length > 2;
    const metres = length(closed ? [...points, points[0]] : points);
    const squareMetres = tool.mode === "polygon" ? area(points) : 0;
    Object.assign(node.dataset, { metres, squareMetres });
    const parts = [points.length > 1 ? ioc.text(tool.mode === "radius" ? "measure_radius" : closed ? "measure_perimeter" : "measure_length", { length: ioc.quantity.length(metres) }) : null,
      squareMetres ? ioc.text("measure_area", { area: ioc.quantity.area(squareMetres) }) : null];
    node.textContent = parts.filter(Boolean).join("  ");
  }

  function levels() {
    const pick = (event) => (level = event.target.value);
    const named = (id) => ioc.named(ioc.layers.find(id), "title");
    return el("select", { id: "area-level", "aria-label": ioc.text("tool_area"), onchange: pick },
      AREA_LEVELS.filter((id) => ioc.layers.find(id)).map((id) => el("option", { value: id, selected: id === level }, named(id))));
  }

  function askRadius([centre, edge]) {
    const metres = Math.max(1, Math.round(length([centre, edge])));
    ioc.queryPanel.ask(ioc.text("tool_radius"), { geometry: { type: "Point", coordinates: centre }, buffer_m: metres }, "query_radius");
  }

  function askLine(points) {
    ioc.queryPanel.ask(ioc.text("tool_buffer"), { geometry: { type: "LineString", coordinates: points }, buffer_m: LINE_BUFFER }, "query_buffer");
  }

  function askPolygon(points) {
    ioc.queryPanel.ask(ioc.text("tool_polygon"), { geometry: { type: "Polygon", coordinates: [[...points, points[0]]] } });
  }

  async function askArea([[lon, lat]]) {
    const query = new URLSearchParams({ lon: lon.toFixed(8), lat: lat.toFixed(8), zoom: 20, layers: level });
    try {
      const found = (await ioc.service.get(`/identify?${query}`)).layers[0]?.features[0];
      if (!found) return ioc.banner.show("tool_no_area", "warn");
      ioc.banner.clear("tool_no_area");
      const code = found.record.find((field) => field.name === "code").value;
      return await ioc.queryPanel.ask(found.title, { area: code });
    } catch (problem) {
      return ioc.banner.show("problem_answer", "bad", problem.message);
    }
  }

  /** Leaves what was measured on the map, with its measure. */
  function measured(points, tool) {
    const closed = tool.mode === "polygon";
    kept = window.L[closed ? "polygon" : "polyline"](points.map(ioc.drawing.latLng), ioc.drawing.look()).addTo(ioc.leaflet);
    const hint = document.getElementById("tool-hint");
    hint.hidden = false;
    show(tool, points);
    hint.lastChild.replaceChildren(el("button", { type: "button", class: "text-button", id: "measure-clear", onclick: clear }, ioc.text("measure_clear")));
  }

  function clear() {
    kept?.remove();
    kept = null;
    document.getElementById("tool-hint").hidden = true;
  }

  function start() {
    ioc.drawing.start();
    ioc.queryPanel.start();
    ioc.nearest.start();
    build();
    ioc.on("language", build);
  }

  ioc.mapTools = { start };
})();
