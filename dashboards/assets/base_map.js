/* The ground under the layers: the district's own base map, or one of the services that the server fetches from. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  let offered = [];

  async function load() {
    offered = (await ioc.service.getAtLast("/basemaps")).basemaps;
  }

  const chosen = () => offered.find((one) => one.id === ioc.memory.base) || null;

  function choose(id) {
    ioc.remember({ base: id });
    ioc.layers.changed();
  }

  /** A map style with the chosen service's pictures in place of its own ground; names stay on top. */
  function dress(style) {
    const base = chosen();
    if (!base) return style;
    const source = {
      type: "raster", tiles: [`${location.origin}/basemap/${base.id}/{z}/{x}/{y}`], tileSize: base.tile_size,
      minzoom: base.min_zoom, maxzoom: base.max_zoom, attribution: ioc.named(base, "attribution"),
    };
    const isGround = (layer) => layer.source === "base" && layer.type !== "symbol";
    const [background, ...others] = style.layers.filter((layer) => !isGround(layer));
    const pictures = { id: "basemap", type: "raster", source: "basemap", metadata: { slot: "ground" }, paint: { "raster-fade-duration": 0 } };
    return { ...style, sources: { ...style.sources, basemap: source }, layers: [background, pictures, ...others] };
  }

  /** The choice of base map for the views panel; null where there is nothing to choose from. */
  function element() {
    if (!offered.length) return null;
    const options = [["", ioc.text("base_own")], ...offered.map((one) => [one.id, ioc.named(one, "title")])];
    return el("label", { class: "variant base-choice" }, el("span", {}, ioc.text("base_map")),
      el("select", { id: "base-map", onchange: (event) => choose(event.target.value) },
        options.map(([value, text]) => el("option", { value, selected: value === (chosen()?.id || "") }, text))));
  }

  ioc.baseMap = { load, dress, element, chosen, offered: () => offered };
})();
