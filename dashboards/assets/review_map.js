/* A small map of one edit: where the feature was, and where it is to be. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const CLOSEST = 17;
  let map = null;

  const collection = (geometry) => ({ type: "FeatureCollection", features: geometry ? [{ type: "Feature", properties: {}, geometry }] : [] });

  function marks(id, colour, dashed) {
    const only = (...kinds) => ["in", ["geometry-type"], ["literal", kinds]];
    const dash = dashed ? { "line-dasharray": [2, 2] } : {};
    return [
      { id: `${id}-line`, type: "line", source: id, filter: only("LineString", "MultiLineString", "Polygon", "MultiPolygon"), paint: { "line-color": colour, "line-width": 4, ...dash } },
      { id: `${id}-point`, type: "circle", source: id, filter: only("Point", "MultiPoint"), paint: { "circle-radius": 9, "circle-color": "rgba(0,0,0,0)", "circle-stroke-color": colour, "circle-stroke-width": 4 } },
    ];
  }

  function bounds(geometries) {
    const numbers = geometries.filter(Boolean).flatMap((geometry) => geometry.coordinates.flat(Infinity));
    const lons = numbers.filter((_, index) => index % 2 === 0);
    const lats = numbers.filter((_, index) => index % 2 === 1);
    return [[Math.min(...lons), Math.min(...lats)], [Math.max(...lons), Math.max(...lats)]];
  }

  /** Shows an edit in an element; the map before it is taken away. */
  function show(node, edit) {
    map?.remove();
    map = null;
    const geometries = [edit.before_geometry, edit.after_geometry];
    if (!geometries.some(Boolean) || !window.maplibregl) return;
    const style = ioc.mapStyle.assemble(ioc.layers.all().filter(ioc.mapStyle.isBase));
    style.sources.before = { type: "geojson", data: collection(edit.kind === "add" ? null : edit.before_geometry) };
    style.sources.after = { type: "geojson", data: collection(edit.kind === "remove" ? null : edit.after_geometry) };
    style.layers.push(...marks("before", ioc.token("bad"), true), ...marks("after", ioc.token("good"), false));
    map = new window.maplibregl.Map({ container: node, style, attributionControl: false, locale: { "Map.Title": ioc.text("map_label") }, bounds: bounds(geometries), fitBoundsOptions: { padding: 48, maxZoom: CLOSEST }, localIdeographFontFamily: ioc.token("font").join(","), fadeDuration: 0 });
    map.on("idle", () => (node.dataset.state = "complete"));
    map.on("error", (event) => console.warn(event.error?.message));
  }

  ioc.reviewMap = { show };
})();
