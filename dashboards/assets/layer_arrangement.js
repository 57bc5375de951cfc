/* How layers are arranged: their order on the map, the variant of their style, and the tools of a layer's details. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  let filtering = null;

  const isArranged = () => Array.isArray(ioc.memory.order) && ioc.memory.order.length > 0;

  /** Thematic layers from the ground up, as the viewer arranged them; new ones at their declared place. */
  function inOrder(layers) {
    const declared = [...layers].sort((one, other) => one.order - other.order);
    if (!isArranged()) return declared;
    const place = new Map(ioc.memory.order.map((id, index) => [id, index]));
    const rank = (layer, index) => place.get(layer.id) ?? (index ? place.get(declared[index - 1].id) ?? -1 : -1) + 0.5;
    const ranks = new Map(declared.map((layer, index) => [layer.id, rank(layer, index)]));
    return declared.sort((one, other) => ranks.get(one.id) - ranks.get(other.id));
  }

  const thematic = () => ioc.layers.all().filter((layer) => !ioc.mapStyle.isBase(layer));

  /** Moves a layer over or under the next one that is switched on. */
  function move(id, step) {
    const ids = inOrder(thematic()).map((layer) => layer.id);
    const from = ids.indexOf(id);
    let to = from + step;
    while (ids[to] && !ioc.layers.isOn(ids[to])) to += step;
    if (from < 0 || !ids[to]) return;
    ids.splice(from, 1);
    ids.splice(to, 0, id);
    ioc.remember({ order: ids });
    ioc.layers.changed();
  }

  const variantOf = (layer) => (layer.variants || []).find((one) => one.id === ioc.memory.variants?.[layer.id]);
  const styleOf = (layer) => variantOf(layer)?.style || layer.style;
  const legendOf = (layer) => variantOf(layer)?.legend || layer.legend || [];

  function chooseVariant(layer, id) {
    ioc.remember({ variants: { ...ioc.memory.variants, [layer.id]: id } });
    ioc.layers.changed();
  }

  function variants(layer) {
    if (!layer.variants?.length) return null;
    const chosen = variantOf(layer)?.id || "";
    const options = [["", ioc.text("variant_class")], ...layer.variants.map((one) => [one.id, ioc.named(one, "title")])];
    return el("label", { class: "variant" }, el("span", {}, ioc.text("variant")),
      el("select", { "data-variant": layer.id, onchange: (event) => chooseVariant(layer, event.target.value) },
        options.map(([value, text]) => el("option", { value, selected: value === chosen }, text))));
  }

  const act = (name, key, onclick, pressed) =>
    el("button", { type: "button", class: "text-button", "data-act": name, onclick, "aria-pressed": pressed === undefined ? null : String(pressed) }, ioc.text(key));

  /** What may be done with a layer; a part of its details in the layer panel. */
  function tools(layer) {
    if (ioc.mapStyle.isBase(layer)) return null;
    const toggle = () => {
      filtering = filtering === layer.id ? null : layer.id;
      ioc.layerPanel.draw();
    };
    return el("div", { class: "layer-tools" },
      el("div", { class: "layer-acts" },
        act("filter", "filter", toggle, filtering === layer.id),
        act("table", "table", () => ioc.featureTable.open(layer.id)),
        act("statistics", "statistics", () => ioc.layerStatistics.open(layer.id)),
        act("up", "order_up", () => move(layer.id, 1)), act("down", "order_down", () => move(layer.id, -1))),
      variants(layer),
      filtering === layer.id ? ioc.filterBuilder.element(layer) : null);
  }

  /** The filter in words under a layer's name, with the button that takes it away. */
  function filterLine(layer) {
    const conditions = ioc.filters.of(layer.id);
    if (!conditions) return null;
    return el("div", { class: "filter-line", "data-filtered": layer.id },
      el("span", {}, ioc.filters.sentence(layer, conditions)),
      ioc.layerPanel.iconButton("close", ioc.text("filter_clear"), () => ioc.filters.set(layer.id, null)));
  }

  ioc.arrangement = { inOrder, isArranged, styleOf, legendOf, tools, filterLine, move };
})();
