/* The layer panel: tree by theme or department, search in it, switches, opacity, legend, description. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const open = { groups: {}, details: null };
  let filter = "";

  const root = () => document.getElementById("layer-panel");

  function build() {
    root().setAttribute("aria-label", ioc.text("layers"));
    document.getElementById("show-layers").title = ioc.text("show_panel");
    root().replaceChildren(
      el("div", { class: "panel-head" },
        el("h2", {}, ioc.text("layers")),
        el("span", { class: "quiet figures", id: "layers-on" }),
        iconButton("panel", ioc.text("hide_panel"), () => show(false), { id: "hide-layers" })),
      el("div", { class: "panel-tools" },
        el("label", { class: "field" }, ioc.icon("search"),
          el("input", { id: "layer-filter", type: "search", value: filter, placeholder: ioc.text("find_layer"), "aria-label": ioc.text("find_layer"), oninput: (event) => { filter = event.target.value; drawTree(); } })),
        segments(["theme", "department"], ioc.memory.grouping, (grouping) => { ioc.remember({ grouping }); build(); })),
      el("div", { class: "tree", id: "layer-tree" }),
      el("div", { class: "panel-foot" },
        el("button", { type: "button", class: "text-button", onclick: restoreDefaults }, ioc.text("defaults")),
        el("button", { type: "button", class: "text-button", onclick: allOff }, ioc.text("all_off"))));
    drawTree();
  }

  function restoreDefaults() {
    ioc.livePanel.restoreDefaults();
    ioc.layers.restoreDefaults();
  }

  function allOff() {
    ioc.livePanel.allOff();
    ioc.layers.turnMany(ioc.layers.all().filter((layer) => !ioc.mapStyle.isBase(layer)).map((layer) => layer.id), false);
  }

  const iconButton = (icon, label, onclick, more) =>
    el("button", { type: "button", class: "icon-button", title: label, "aria-label": label, onclick, ...more }, ioc.icon(icon));

  function segments(values, chosen, choose) {
    return el("div", { class: "segments", role: "group" }, values.map((value) =>
      el("button", { type: "button", "aria-pressed": String(value === chosen), onclick: () => choose(value) }, ioc.text(`by_${value}`))));
  }

  function show(visible) {
    root().dataset.open = String(visible);
    document.getElementById("show-layers").hidden = visible;
    root().inert = !visible;
    document.getElementById(visible ? "hide-layers" : "show-layers").focus();
  }

  function groupOf(layer) {
    if (ioc.memory.grouping === "theme") return ioc.named(layer, "group");
    return ioc.named(layer, "department") || ioc.text("department_none");
  }

  function grouped(layers) {
    const groups = new Map();
    for (const layer of layers) groups.set(groupOf(layer), [...(groups.get(groupOf(layer)) || []), layer]);
    return groups;
  }

  function matches(layer) {
    const words = `${layer.title_zh} ${layer.title_en} ${layer.id} ${groupOf(layer)}`.toLowerCase();
    return words.includes(filter.trim().toLowerCase());
  }

  function drawTree() {
    const tree = document.getElementById("layer-tree");
    const layers = ioc.layers.all();
    const scroll = tree.scrollTop;
    const found = layers.filter(matches);
    const live = ioc.livePanel.group(filter.trim().toLowerCase());
    const nothing = layers.length ? ioc.text("no_layer_found", { text: filter }) : ioc.text("no_layers");
    ioc.panelFocus.keep(tree, () => tree.replaceChildren(...(live ? [live] : []), ...[...grouped(found)].map(([name, members]) => group(name, members)), ...(live || found.length ? [] : [el("p", { class: "empty" }, nothing)])));
    tree.scrollTop = scroll;
    drawCounts();
  }

  function drawCounts() {
    const layers = ioc.layers.all();
    const on = layers.filter((layer) => ioc.layers.isOn(layer.id)).length;
    document.getElementById("layers-on").textContent = ioc.text("layers_on", { on, all: layers.length });
  }

  function group(name, members) {
    const shown = filter ? true : (open.groups[name] ?? true);
    const on = members.filter((layer) => ioc.layers.isOn(layer.id)).length;
    return el("section", { class: "group" },
      el("div", { class: "group-head" },
        el("button", { type: "button", class: "group-name", "aria-expanded": String(shown), onclick: () => { open.groups[name] = !shown; drawTree(); } },
          ioc.icon("chevron"), el("span", {}, name), el("span", { class: "quiet figures" }, `${on}/${members.length}`)),
        switchOf(name, on > 0, (turned) => ioc.layers.turnMany(members.map((layer) => layer.id), turned), on > 0 && on < members.length)),
      shown ? [...members.map(row), ioc.gridCheck.tool(members)] : null);
  }

  function switchOf(title, on, onchange, mixed) {
    const box = el("input", { type: "checkbox", role: "switch", class: "switch", "aria-label": ioc.text("switch_layer", { title }), onchange: (event) => onchange(event.target.checked) });
    box.checked = on;
    box.indeterminate = Boolean(mixed);
    return box;
  }

  function row(layer) {
    const title = ioc.named(layer, "title");
    const detailed = open.details === layer.id;
    const visible = ioc.layers.inZoom(layer, ioc.mapView.tileZoom());
    return el("div", { class: "layer", "data-layer": layer.id, "data-on": String(ioc.layers.isOn(layer.id)), "data-in-zoom": String(visible) },
      el("div", { class: "layer-head" },
        swatch(ioc.arrangement.legendOf(layer)[0]),
        el("button", { type: "button", class: "layer-name", "aria-expanded": String(detailed), title: ioc.text("about_layer", { title }), onclick: () => { open.details = detailed ? null : layer.id; drawTree(); } },
          el("span", {}, title),
          visible ? null : el("span", { class: "hint" }, ioc.text("zoom_in_to_see"))),
        el("span", { class: "quiet figures" }, amount(layer.count)),
        switchOf(title, ioc.layers.isOn(layer.id), (turned) => ioc.layers.turn(layer.id, turned))),
      ioc.arrangement.filterLine(layer),
      detailed ? details(layer) : null);
  }

  const amount = (count) => (count === null || count === undefined ? "" : count.toLocaleString("en-US"));

  /** A small picture of a legend entry, drawn from what the map paints. */
  function swatch(entry) {
    if (!entry) return el("span", { class: "swatch" });
    if (entry.kind === "symbol" && entry.symbol) return el("span", { class: "swatch" }, ioc.symbol(entry.symbol, entry.colour));
    if (entry.kind === "symbol") return el("span", { class: "swatch swatch-text", style: `color:${entry.colour}`, "aria-hidden": "true" }, ioc.memory.language === "zh" ? "文" : "Aa");
    const style = entry.kind === "line"
      ? `border-top:2px ${entry.dashed ? "dashed" : "solid"} ${entry.colour}`
      : `--fill:${entry.colour};--edge:${entry.outline || entry.colour}`;
    const inner = entry.kind === "circle" && entry.symbol ? ioc.symbol(entry.symbol, ioc.token("symbol-ink")) : null;
    return el("span", { class: "swatch", "aria-hidden": "true" }, el("i", { class: `swatch-${entry.kind}`, style }, inner));
  }

  function details(layer) {
    const value = ioc.layers.opacityOf(layer.id);
    const shown = el("output", { class: "figures" }, `${Math.round(value * 100)}%`);
    const slide = (event) => {
      shown.textContent = `${event.target.value}%`;
      event.target.style.setProperty("--part", `${event.target.value}%`);
      ioc.layers.fade(layer.id, event.target.value / 100);
    };
    return el("div", { class: "details" },
      el("ul", { class: "legend", "aria-label": ioc.text("legend") }, ioc.arrangement.legendOf(layer).map((entry, index) =>
        el("li", {}, swatch(entry), el("span", {}, entry[ioc.memory.language]), ioc.legendCounts.figure(layer, entry, index)))),
      ioc.arrangement.tools(layer),
      el("label", { class: "opacity" }, el("span", {}, ioc.text("opacity")),
        el("input", { type: "range", min: 10, max: 100, step: 5, value: Math.round(value * 100), style: `--part:${value * 100}%`, oninput: slide, "aria-label": `${ioc.named(layer, "title")} ${ioc.text("opacity")}` }), shown),
      el("dl", { class: "metadata" }, metadata(layer).flatMap(([key, text]) => [el("dt", {}, ioc.text(key)), el("dd", {}, text)])),
      layer.synthetic ? el("p", { class: "demo-note" }, ioc.text("demo_long")) : null,
      layer.extent ? el("button", { type: "button", class: "text-button", onclick: () => ioc.mapView.flyTo({ bbox: layer.extent }) }, ioc.text("zoom_to_layer")) : null);
  }

  function metadata(layer) {
    return [
      ["meta_department", ioc.named(layer, "department")],
      ["meta_source", layer.source_note],
      ["meta_updated", layer.updated_at && ioc.clock(layer.updated_at)],
      ["meta_count", layer.count === null || layer.count === undefined ? null : ioc.text("meta_unit_count", { count: amount(layer.count) })],
      ["meta_sensitivity", ioc.named(layer, "sensitivity")],
      ["meta_version", layer.version],
    ].filter(([, text]) => text);
  }

  function start() {
    build();
    ioc.on("layers", drawTree);
    ioc.on("language", build);
    ioc.leaflet.on("zoomend", drawTree);
    document.getElementById("show-layers").addEventListener("click", () => show(true));
  }

  ioc.layerPanel = { start, swatch, switchOf, iconButton, draw: drawTree };
})();
