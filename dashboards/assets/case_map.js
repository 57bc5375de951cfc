/* The map of the listed cases: a point each, the chosen one ringed; choosing goes both ways. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  let map = null;
  let listed = [];
  let chosen = null;
  let district = null;
  let picking = null;

  const points = (cases) => ({
    type: "FeatureCollection",
    features: cases.filter((one) => one.lon !== null).map((one) => ({
      type: "Feature", id: one.id, properties: { id: one.id, level: ioc.cases.left(one).level || "normal" }, geometry: { type: "Point", coordinates: [one.lon, one.lat] },
    })),
  });

  function create(onChoose) {
    const style = ioc.mapStyle.assemble(ioc.layers.all().filter(ioc.mapStyle.isBase));
    style.sources.cases = { type: "geojson", data: points(listed) };
    style.sources.chosen = { type: "geojson", data: points(chosen ? [chosen] : []) };
    const colour = ["match", ["get", "level"], "late", ioc.token("bad"), "soon", ioc.token("warn"), ioc.token("accent")];
    style.layers.push(
      { id: "cases", type: "circle", source: "cases", paint: { "circle-radius": 6, "circle-color": colour, "circle-stroke-width": 1.5, "circle-stroke-color": ioc.token("ground") } },
      { id: "chosen", type: "circle", source: "chosen", paint: { "circle-radius": 11, "circle-color": "rgba(0,0,0,0)", "circle-stroke-width": 3, "circle-stroke-color": ioc.token("accent") } });
    map = new window.maplibregl.Map({ container: "case-map", style, attributionControl: false, locale: { "Map.Title": ioc.text("map_label") }, bounds: bounds(listed) || district || undefined, fitBoundsOptions: { padding: 30, maxZoom: 16 }, localIdeographFontFamily: ioc.token("font").join(","), fadeDuration: 0 });
    map.on("click", "cases", (event) => picking || onChoose(event.features[0].properties.id));
    map.on("click", (event) => picking?.(event.lngLat.lng, event.lngLat.lat));
    map.on("mousemove", "cases", () => (map.getCanvas().style.cursor = "pointer"));
    map.on("mouseleave", "cases", () => (map.getCanvas().style.cursor = ""));
    map.on("idle", () => (document.getElementById("case-map").dataset.state = "complete"));
  }

  function bounds(cases) {
    const placed = cases.filter((one) => one.lon !== null);
    if (!placed.length) return null;
    const lons = placed.map((one) => one.lon);
    const lats = placed.map((one) => one.lat);
    return [[Math.min(...lons), Math.min(...lats)], [Math.max(...lons), Math.max(...lats)]];
  }

  /** Shows the cases of a list; goes to them unless they are what was shown, told anew. */
  function list(cases, onChoose, told) {
    listed = cases;
    if (!window.maplibregl) return;
    if (!map) create(onChoose);
    map.getSource("cases")?.setData(points(cases));
    const box = told ? null : bounds(cases);
    if (box && !chosen) map.fitBounds(box, { padding: 30, maxZoom: 16, animate: false });
  }

  /** Rings one case and goes there. */
  function choose(one) {
    chosen = one;
    map?.getSource("chosen")?.setData(points(one ? [one] : []));
    if (one && one.lon !== null) map?.jumpTo({ center: [one.lon, one.lat], zoom: 16.5 });
  }

  /** Calls `taken(lon, lat)` for each click until told `null`; the box is the district's. */
  function pick(taken) {
    picking = taken;
    document.getElementById("case-map").toggleAttribute("data-picking", Boolean(taken));
    if (taken && district) map?.fitBounds(district, { padding: 10, animate: false });
  }

  /** Puts a mark at a place that is not the case's yet. */
  function mark(lon, lat) {
    map?.getSource("chosen")?.setData(points([{ id: 0, lon, lat }]));
    if (!map?.getBounds().contains([lon, lat]) || map.getZoom() < 15) map?.jumpTo({ center: [lon, lat], zoom: Math.max(map.getZoom(), 15) });
  }

  const start = (box) => {
    district = box ? [[box.west, box.south], [box.east, box.north]] : null;
  };

  ioc.caseMap = { start, list, choose, pick, mark };
})();
