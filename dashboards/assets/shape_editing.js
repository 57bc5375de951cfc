/* Drawing a feature's shape and moving its vertices, with snapping to the vertices of what is on the map. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const SNAP_PIXELS = 10;
  const MOST_HANDLES = 400;
  let shown = null; // Leaflet layers of the shape being edited

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

  /** Puts a handle on every vertex; `changed` hears of the shape after each move. */
  function begin(geometry, changed) {
    end();
    const shape = JSON.parse(JSON.stringify(geometry));
    const outline = window.L.geoJSON(shape, { style: ioc.drawing.look(), pointToLayer: () => window.L.layerGroup(), interactive: false });
    shown = window.L.layerGroup([outline]).addTo(ioc.leaflet);
    const all = positions(shape);
    const redraw = () => outline.clearLayers().addData(shape);
    for (const [index, position] of all.slice(0, MOST_HANDLES).entries()) {
      // The last position of a ring is its first one again.
      if (index && shape.type.endsWith("Polygon") && all.slice(0, index).some((other) => other[0] === position[0] && other[1] === position[1])) continue;
      shown.addLayer(handle(position, all, redraw, () => changed?.(JSON.parse(JSON.stringify(shape)))));
    }
  }

  function handle(position, all, redraw, told) {
    const icon = window.L.divIcon({ className: "edit-handle", iconSize: [16, 16] });
    const marker = window.L.marker(latLng(position), { icon, draggable: true, keyboard: true, autoPan: true, title: ioc.text("edit_handle") });
    const [lon, lat] = position;
    const twins = all.filter((other) => other[0] === lon && other[1] === lat);
    const put = (place) => {
      for (const twin of twins) twin.splice(0, 2, ...place);
      marker.setLatLng(latLng(place));
      redraw();
    };
    marker.on("drag", () => put([marker.getLatLng().lng, marker.getLatLng().lat]));
    marker.on("dragend", async () => {
      put(await snapped([marker.getLatLng().lng, marker.getLatLng().lat]));
      told();
    });
    marker.on("add", () => marker.getElement().addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      const moved = ioc.leaflet.containerPointToLatLng(pixel(position).add(step));
      put([moved.lng, moved.lat]);
      told();
    }));
    return marker;
  }

  function end() {
    shown?.remove();
    shown = null;
  }

  ioc.shapeEditing = { draw, begin, end };
})();
