/* Drawing a point with a radius, a line or a polygon on the map, by mouse and keyboard, measured as it grows. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const SAME_PIXELS = 4; // two clicks this close are one vertex: a double click ends, it does not add
  const LEAST = { radius: 2, line: 2, polygon: 3, spot: 1 };
  const MOST = { radius: 2, spot: 1 };
  let drawn = null; // { mode, points, cursor, told, done, cancelled }
  let shapes = null;

  const lonLat = ({ lng, lat }) => [lng, lat];
  const latLng = ([lon, lat]) => [lat, lon];

  /** Begins a drawing; `told` hears of every change, `done` gets the points, `cancelled` that there are none. */
  function begin(mode, { told, done, cancelled }) {
    end();
    drawn = { mode, points: [], cursor: null, told, done, cancelled };
    ioc.leaflet.doubleClickZoom.disable();
    document.body.dataset.drawing = mode;
    shapes = window.L.layerGroup().addTo(ioc.leaflet);
    redraw();
  }

  function end() {
    if (!drawn) return;
    drawn = null;
    shapes.remove();
    delete document.body.dataset.drawing;
    // The double click that ended the drawing must not zoom.
    setTimeout(() => drawn || ioc.leaflet.doubleClickZoom.enable(), 300);
  }

  function cancel() {
    const { cancelled } = drawn;
    end();
    cancelled();
  }

  function finish() {
    const { mode, points, done } = drawn;
    if (points.length < LEAST[mode]) return;
    end();
    done(points);
  }

  function clicked(event) {
    const point = lonLat(event.latlng);
    const last = drawn.points.at(-1);
    const near = last && ioc.leaflet.latLngToContainerPoint(latLng(last)).distanceTo(event.containerPoint) < SAME_PIXELS;
    if (!near) drawn.points.push(point);
    if (drawn.points.length === MOST[drawn.mode]) finish();
    else redraw();
  }

  function back() {
    drawn.points.pop();
    redraw();
  }

  /** What is drawn with the cursor as its next vertex. */
  const growing = () => (drawn.cursor && drawn.points.length ? [...drawn.points, drawn.cursor] : drawn.points);

  function redraw() {
    shapes.clearLayers();
    const points = growing();
    for (const layer of outlines(drawn.mode, points)) shapes.addLayer(layer);
    for (const point of drawn.points) shapes.addLayer(dot(point));
    drawn.told(points);
  }

  const look = () => ({ color: ioc.token("accent"), weight: 2, fillOpacity: 0.1, interactive: false });
  const dot = (point) => window.L.circleMarker(latLng(point), { ...look(), radius: 4, fillColor: ioc.token("panel"), fillOpacity: 1 });

  function outlines(mode, points) {
    if (mode === "radius" && points.length > 1) {
      const radius = ioc.geodesic.length(points);
      return [window.L.circle(latLng(points[0]), { ...look(), radius }), window.L.polyline(points.map(latLng), { ...look(), dashArray: "4 4" })];
    }
    if (mode === "polygon" && points.length > 2) return [window.L.polygon(points.map(latLng), look())];
    return points.length > 1 ? [window.L.polyline(points.map(latLng), look())] : [];
  }

  function pressed(event) {
    if (!drawn || event.target.closest?.("input, textarea, select")) return;
    const undo = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "z";
    const act = undo ? back : { Escape: cancel, Enter: finish, Backspace: back }[event.key];
    if (!act || (event.key === "Enter" && event.target.closest?.("button"))) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  function start() {
    ioc.leaflet.on("click", (event) => drawn && clicked(event));
    ioc.leaflet.on("dblclick", () => drawn && finish());
    ioc.leaflet.on("mousemove", (event) => {
      if (!drawn) return;
      drawn.cursor = lonLat(event.latlng);
      redraw();
    });
    // Before other listeners: Escape must cancel the drawing and not close the record card.
    document.addEventListener("keydown", pressed, true);
  }

  const active = () => Boolean(drawn);

  ioc.drawing = { start, begin, end, active, look, latLng };
})();
