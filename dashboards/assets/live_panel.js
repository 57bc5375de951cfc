/* Live layers in the layer panel: a group of their own at the top, with switches, numbers and legends. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  let open = true;
  let details = null;

  const matches = (layer, filter) => `${layer.title_zh} ${layer.title_en} ${layer.id} ${ioc.text("live")}`.toLowerCase().includes(filter);

  const allOf = (members, on) => Object.fromEntries(members.map((layer) => [layer.id, on]));

  /** The group as the tree of layers shows it; null where nothing fits what is looked for. */
  function group(filter) {
    const members = ioc.liveMap.layers().filter((layer) => matches(layer, filter));
    if (!members.length) return null;
    const on = members.filter((layer) => ioc.liveMap.isOn(layer.id)).length;
    const turn = (turned) => ioc.liveMap.turn({ ...ioc.memory.live, ...allOf(members, turned) });
    return el("section", { class: "group", id: "live-layers" },
      el("div", { class: "group-head" },
        el("button", { type: "button", class: "group-name", "aria-expanded": String(open || Boolean(filter)), onclick: () => { open = !open; ioc.layerPanel.draw(); } },
          ioc.icon("chevron"), el("span", {}, ioc.text(ioc.replay.isOn() ? "replay" : "live")), el("span", { class: "quiet figures" }, `${on}/${members.length}`)),
        ioc.layerPanel.switchOf(ioc.text("live"), on > 0, turn, on > 0 && on < members.length)),
      open || filter ? [...members.map(row), ioc.replay.isOn() ? null : ioc.liveDevices.element()].filter(Boolean) : null);
  }

  function row(layer) {
    const title = ioc.named(layer, "title");
    const isOn = ioc.liveMap.isOn(layer.id);
    const detailed = details === layer.id;
    const amount = ioc.liveMap.items(layer.id).features.size;
    return el("div", { class: "layer", "data-live-layer": layer.id, "data-on": String(isOn) },
      el("div", { class: "layer-head" },
        ioc.layerPanel.swatch(layer.legend[0]),
        el("button", { type: "button", class: "layer-name", "aria-expanded": String(detailed), title: ioc.text("about_layer", { title }), onclick: () => { details = detailed ? null : layer.id; ioc.layerPanel.draw(); } }, el("span", {}, title)),
        el("span", { class: "quiet figures live-amount" }, amount.toLocaleString("en-US")),
        ioc.layerPanel.switchOf(title, isOn, (turned) => ioc.liveMap.turn({ ...ioc.memory.live, [layer.id]: turned }))),
      detailed ? el("div", { class: "details" }, el("ul", { class: "legend", "aria-label": ioc.text("legend") }, layer.legend.map((entry) =>
        el("li", {}, ioc.layerPanel.swatch(entry), el("span", {}, entry[ioc.memory.language]))))) : null);
  }

  /** A new number needs no new tree. */
  function count(layer) {
    if (!layer) return ioc.layerPanel.draw();
    const node = document.querySelector(`[data-live-layer=${layer.id}] .live-amount`);
    if (node) node.textContent = ioc.liveMap.items(layer.id).features.size.toLocaleString("en-US");
    return undefined;
  }

  function start() {
    ioc.on("live-items", count);
    ioc.layerPanel.draw();
  }

  const allOff = () => ioc.liveMap.turn(allOf(ioc.liveMap.layers(), false));
  const restoreDefaults = () => ioc.liveMap.turn({});

  ioc.livePanel = { group, start, allOff, restoreDefaults };
})();
