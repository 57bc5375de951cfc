/* Puts base map and layer styles together into one MapLibre style. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  // From the ground up; a style's layer names its place in metadata.slot, or its type decides.
  const SLOTS = ["ground", "area", "line", "line-label", "point", "label", "point-label"];
  const SLOT_OF_TYPE = { background: "ground", fill: "area", line: "line", circle: "point", symbol: "label", heatmap: "area" };
  const OPACITY = {
    fill: ["fill-opacity"],
    line: ["line-opacity"],
    circle: ["circle-opacity", "circle-stroke-opacity"],
    symbol: ["icon-opacity", "text-opacity"],
    heatmap: ["heatmap-opacity"],
  };
  // Everything is in the tiles of this zoom; closer views enlarge them.
  const DEEPEST_TILE_ZOOM = 16;
  // Layers that everybody sees at first come in one tile: fewer requests, and MapLibre draws the outlines of
  // all tiles anew wherever the source changes from one layer to the next, which in software costs most of all.
  const COMMON = "common";
  const MOST_IN_A_TILE = 40; // what the server puts into one

  const baseLayers = () => ioc.page.base_map[ioc.memory.theme];
  const baseNames = () => new Set(baseLayers().map((layer) => layer["source-layer"]).filter(Boolean));
  const isBase = (layer) => baseNames().has(layer.id);

  /** An opacity value or expression, made fainter by a factor; zoom curves keep their shape. */
  function fainter(value, factor) {
    if (typeof value === "number") return value * factor;
    if (!Array.isArray(value)) return factor;
    const first = value[0] === "interpolate" ? 4 : value[0] === "step" ? 2 : 0;
    if (!first) return ["*", factor, value];
    return value.map((part, index) => (index >= first && (index - first) % 2 === 0 ? fainter(part, factor) : part));
  }

  function withOpacity(layer, factor) {
    if (factor === 1 || !OPACITY[layer.type]) return layer;
    const paint = { ...layer.paint };
    for (const name of OPACITY[layer.type]) paint[name] = fainter(paint[name] ?? 1, factor);
    return { ...layer, paint };
  }

  function placed(layer, owner, source, inBase) {
    const slot = layer.metadata?.slot || (inBase ? "ground" : SLOT_OF_TYPE[layer.type]);
    const visibility = !owner || ioc.layers.isOn(owner.id) ? "visible" : "none";
    const assembled = { ...layer, layout: { ...layer.layout, visibility }, metadata: { slot, layer: owner?.id } };
    if (source) assembled.source = source;
    if (!inBase) {
      // A filter takes the layer to tiles of its own; under its old name, those of before would answer for it too.
      assembled.id = `${owner.id}/${layer.id}${ioc.filters.of(owner.id) ? "/filtered" : ""}`;
      assembled["source-layer"] = owner.id;
    }
    return withOpacity(assembled, owner ? ioc.layers.opacityOf(owner.id) : 1);
  }

  function tileUrl(layers) {
    const version = layers.map((layer) => layer.tile_version).join("-");
    const then = layers.find((layer) => layer.at);
    const moment = then ? `&at=${encodeURIComponent(then.at)}` : "";
    return `${location.origin}/tiles/${layers.map((layer) => layer.id).join(",")}/{z}/{x}/{y}.mvt?v=${version}${layers.length === 1 ? ioc.filters.query(layers[0].id) : ""}${moment}`;
  }

  /** The layers of the common tile: the same whatever this viewer switches or filters, so that it is kept. */
  const common = (layers) =>
    layers.filter((layer) => layer.visible_by_default && !isBase(layer) && (layer.point_min_zoom ?? 0) <= DEEPEST_TILE_ZOOM).slice(0, MOST_IN_A_TILE);

  function sourceOf(layers) {
    const shallowest = Math.min(...layers.map((layer) => layer.min_zoom ?? 0));
    const deepest = Math.max(...layers.map((layer) => Math.max(layer.point_min_zoom ?? 0, shallowest)));
    return {
      type: "vector",
      tiles: [tileUrl(layers)],
      minzoom: Math.floor(shallowest),
      maxzoom: Math.max(DEEPEST_TILE_ZOOM, Math.ceil(deepest)),
    };
  }

  /** Areas under lines under points; in one heap where the viewer has said which layer lies on which. */
  function bySlot(layers) {
    const heap = ioc.arrangement.isArranged() ? ["area", "line", "point"] : [];
    const rankOf = (slot) => SLOTS.indexOf(heap.includes(slot) ? heap[0] : slot);
    return layers
      .map((layer, index) => ({ layer, rank: rankOf(layer.metadata.slot), index }))
      .sort((one, other) => one.rank - other.rank || one.index - other.index)
      .map(({ layer }) => layer);
  }

  /** The whole MapLibre style for the catalogue's layers in the chosen theme, with a feature marked or none. */
  function assemble(layers, marked) {
    const byId = new Map(layers.map((layer) => [layer.id, layer]));
    const base = layers.filter(isBase);
    const thematic = ioc.arrangement.inOrder(layers.filter((layer) => !isBase(layer)));
    const shared = common(layers);
    const sourceId = (layer) => (shared.includes(layer) && !ioc.filters.of(layer.id) ? COMMON : layer.id);
    const sources = marked ? { highlight: { type: "geojson", data: marked } } : {};
    if (base.length) sources.base = sourceOf(base);
    if (shared.length) sources[COMMON] = sourceOf(shared);
    for (const layer of thematic) if (sourceId(layer) !== COMMON) sources[layer.id] = sourceOf([layer]);
    const drawn = baseLayers()
      .filter((layer) => !layer["source-layer"] || byId.has(layer["source-layer"]))
      .map((layer) => placed(layer, byId.get(layer["source-layer"]), layer["source-layer"] && "base", true));
    for (const layer of thematic) drawn.push(...ioc.arrangement.styleOf(layer).map((part) => placed(part, layer, sourceId(layer), false)));
    return ioc.baseMap.dress({ version: 8, sources, layers: [...bySlot(drawn), ...(marked ? highlightLayers() : [])], transition: { duration: 0 } });
  }

  function highlightLayers() {
    const colour = ioc.token("highlight");
    const only = (...kinds) => ["in", ["geometry-type"], ["literal", kinds]];
    const lines = only("LineString", "MultiLineString", "Polygon", "MultiPolygon");
    return [
      { id: "highlight-area", type: "fill", source: "highlight", filter: only("Polygon", "MultiPolygon"), paint: { "fill-color": colour, "fill-opacity": 0.05 } },
      { id: "highlight-casing", type: "line", source: "highlight", filter: lines, layout: { "line-cap": "round", "line-join": "round" }, paint: { "line-color": colour, "line-opacity": 0.28, "line-width": 10 } },
      { id: "highlight-line", type: "line", source: "highlight", filter: lines, layout: { "line-cap": "round", "line-join": "round" }, paint: { "line-color": colour, "line-width": 2.4 } },
      { id: "highlight-halo", type: "circle", source: "highlight", filter: only("Point", "MultiPoint"), paint: { "circle-radius": 17, "circle-color": colour, "circle-opacity": 0.16 } },
      { id: "highlight-ring", type: "circle", source: "highlight", filter: only("Point", "MultiPoint"), paint: { "circle-radius": 12, "circle-color": "rgba(0,0,0,0)", "circle-stroke-color": colour, "circle-stroke-width": 2.2 } },
    ];
  }

  ioc.mapStyle = { assemble, isBase, tileUrl, baseNames };
})();
