/* Drawing a feature's shape; moving, inserting and removing its vertices, snapped to those of what is on the map. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const SNAP_PIXELS = 10;
  const MOST_HANDLES = 400;
  let edited = null; // the shape being edited, who hears of it, and what it was before each change
  let shown = null; // Leaflet layers of it
  let outline = null;

  const latLng = ([lon, lat]) => [lat, lon];
  const pixel = (position) => ioc.leaflet.latLngToContainerPoint(latLng(position));

  /** All positions of a geometry; each array is the geometry's own. */
  function positions(geometry) {
    const flat = (part) => (typeof part[0] === "number" ? [part] : part.flatMap(flat));
    return geometry?.coordinates ? flat(geometry.coordinates) : [];
  }

  function nearest(candidates, position) {
    const at = pixel(position);
    let best = null;
    for (const candidate of candidates) {
      const far = pixel(candidate.position).distanceTo(at);
      if (far <= SNAP_PIXELS && (!best || far < best.far)) best = { ...candidate, far };
    }
    return best;
  }

  /** The vertex on the screen that a position snaps to, with the exact place that the server knows it by. */
  async function snapped(position) {
    const [x, y] = [ioc.map.project(position).x, ioc.map.project(position).y];
    const box = [[x - SNAP_PIXELS, y - SNAP_PIXELS], [x + SNAP_PIXELS, y + SNAP_PIXELS]];
    const features = ioc.map.queryRenderedFeatures(box).filter((feature) => feature.source !== "base" && feature.source !== "highlight" && feature.id);
    const found = nearest(features.flatMap((feature) => positions(feature.geometry).map((place) => ({ position: place, feature }))), position);
    if (!found) return position;
    const exact = await ioc.service.get(`/features/${found.feature.source}/items/${found.feature.id}`).catch(() => null);
    const vertex = nearest(positions(exact?.geometry).map((place) => ({ position: place })), position);
    return vertex ? vertex.position : position;
  }

  /** Lets a shape be drawn; `done` gets it as GeoJSON. */
  function draw(mode, done) {
    end();
    const hint = document.getElementById("tool-hint");
    const say = () => {
      hint.hidden = false;
      hint.firstChild.textContent = "";
      hint.lastChild.replaceChildren(ioc.text(`edit_hint_${mode}`));
    };
    const leave = () => (hint.hidden = true);
    ioc.drawing.begin(mode, {
      told: say,
      cancelled: leave,
      done: async (points) => {
        leave();
        const exact = await Promise.all(points.map(snapped));
        const geometry = { spot: () => ({ type: "Point", coordinates: exact[0] }), line: () => ({ type: "LineString", coordinates: exact }), polygon: () => ({ type: "Polygon", coordinates: [[...exact, exact[0]]] }) }[mode]();
        done(geometry);
      },
    });
  }

  /** Puts a handle on every vertex and between any two; `changed` hears of the shape after each change. */
  function begin(geometry, changed) {
    end();
    edited = { shape: copy(geometry), changed, past: [] };
    rebuild();
  }

  const copy = (geometry) => JSON.parse(JSON.stringify(geometry));

  /** Remembers the shape as it is, for the step back. */
  const remember = () => edited.past.push(copy(edited.shape));

  const told = () => edited?.changed?.(copy(edited.shape));

  function stepBack() {
    if (!edited.past.length) return;
    edited.shape = edited.past.pop();
    rebuild();
    told();
  }

  function rebuild(focused) {
    shown?.remove();
    outline = window.L.geoJSON(edited.shape, { style: ioc.drawing.look(), pointToLayer: () => window.L.layerGroup(), interactive: false });
    shown = window.L.layerGroup([outline]).addTo(ioc.leaflet);
    let left = MOST_HANDLES;
    for (const part of parts(edited.shape)) {
      // The last position of a ring is its first one again.
      const count = part.closed ? part.positions.length - 1 : part.positions.length;
      for (let index = 0; index < count && left > 0; index += 1, left -= 1) {
        const marker = handle(part, index);
        shown.addLayer(marker);
        if (part.positions[index] === focused) marker.getElement().focus();
        if (part.least && index + 1 < part.positions.length) shown.addLayer(between(part, index));
      }
    }
  }

  /** Vertices in the order in which they are joined; `least`: how many must stay, 0 where nothing is joined. */
  function parts(geometry) {
    const { type, coordinates } = geometry;
    const ring = (positions) => ({ positions, closed: true, least: 3 });
    const line = (positions) => ({ positions, closed: false, least: 2 });
    return {
      Point: () => [{ positions: [coordinates], closed: false, least: 0 }],
      MultiPoint: () => [{ positions: coordinates, closed: false, least: 0 }],
      LineString: () => [line(coordinates)],
      MultiLineString: () => coordinates.map(line),
      Polygon: () => coordinates.map(ring),
      MultiPolygon: () => coordinates.flat().map(ring),
    }[type]();
  }

  /** Every position of the shape that is in the same place: lines that meet there stay joined. */
  const twinsOf = (position) => positions(edited.shape).filter((other) => other[0] === position[0] && other[1] === position[1]);

  function put(marker, twins, place) {
    for (const twin of twins) twin.splice(0, 2, ...place);
    marker.setLatLng(latLng(place));
    outline.clearLayers().addData(edited.shape);
  }

  const at = (marker) => [marker.getLatLng().lng, marker.getLatLng().lat];

  function handle(part, index) {
    const position = part.positions[index];
    const icon = window.L.divIcon({ className: "edit-handle", iconSize: [16, 16] });
    const title = ioc.text(part.least ? "edit_vertex" : "edit_handle");
    const marker = window.L.marker(latLng(position), { icon, draggable: true, keyboard: true, autoPan: true, title, alt: title });
    let twins = [];
    marker.on("dragstart", () => {
      remember();
      twins = twinsOf(position);
    });
    marker.on("drag", () => put(marker, twins, at(marker)));
    marker.on("dragend", async () => {
      const { shape } = edited;
      const place = await snapped(at(marker));
      if (edited?.shape !== shape) return;
      put(marker, twins, place);
      rebuild();
      told();
    });
    marker.on("contextmenu", () => take(part, index));
    marker.on("add", () => marker.getElement().addEventListener("keydown", (event) => keyed(event, part, index)));
    return marker;
  }

  function keyed(event, part, index) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step && event.key !== "Delete" && event.key !== "Backspace") return;
    event.preventDefault();
    event.stopPropagation();
    if (!step) return take(part, index);
    const position = part.positions[index];
    remember();
    const moved = ioc.leaflet.containerPointToLatLng(pixel(position).add(step));
    for (const twin of twinsOf(position)) twin.splice(0, 2, moved.lng, moved.lat);
    rebuild(position);
    told();
  }

  /** Takes a vertex away where enough are left. */
  function take(part, index) {
    const { positions: all, closed, least } = part;
    if (!least || all.length - Number(closed) <= least) return;
    remember();
    all.splice(index, 1);
    if (closed && index === 0) all[all.length - 1] = [...all[0]];
    rebuild(all[Math.min(index, all.length - 1 - Number(closed))]);
    told();
  }

  /** A small handle in the middle of an edge: a click, Enter or a drag makes it a vertex. */
  function between(part, index) {
    const [one, other] = [pixel(part.positions[index]), pixel(part.positions[index + 1])];
    const icon = window.L.divIcon({ className: "edit-handle edit-between", iconSize: [12, 12] });
    const title = ioc.text("edit_insert");
    const marker = window.L.marker(ioc.leaflet.containerPointToLatLng(one.add(other).divideBy(2)), { icon, draggable: true, keyboard: true, title, alt: title });
    const insert = (place) => {
      remember();
      part.positions.splice(index + 1, 0, place);
      rebuild(place);
      told();
    };
    marker.on("click", () => insert(at(marker)));
    marker.on("dragend", async () => {
      const { shape } = edited;
      const place = await snapped(at(marker));
      if (edited?.shape === shape) insert(place);
    });
    return marker;
  }

  function pressed(event) {
    if (!edited || ioc.drawing.active() || event.target.closest?.("input, textarea, select")) return;
    if (!(event.ctrlKey || event.metaKey) || event.shiftKey || event.key.toLowerCase() !== "z") return;
    event.preventDefault();
    stepBack();
  }

  function end() {
    shown?.remove();
    shown = edited = null;
  }

  const start = () => document.addEventListener("keydown", pressed);

  ioc.shapeEditing = { start, draw, begin, end };
})();
