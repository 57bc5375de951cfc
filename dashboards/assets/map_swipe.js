/* Two maps side by side: on the right of a bar that is dragged, the same place in another theme or on another base map. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const PANE = "swipe";
  const STEP = 0.04; // of the width, a key press
  let chosen = ""; // "theme:day", "base:tianditu_image", or empty
  let layer = null;
  let share = 0.5;

  /** The map style as it would be with another theme or base map; nothing of it is remembered. */
  async function styleOf(choice) {
    const [kind, name] = choice.split(":");
    const changes = kind === "theme" ? { theme: name } : { base: name };
    const layers = kind === "theme" ? await ioc.layers.themed(name) : ioc.layers.all();
    const before = { ...ioc.memory };
    Object.assign(ioc.memory, changes);
    try {
      return ioc.mapStyle.assemble(layers);
    } finally {
      Object.assign(ioc.memory, { theme: before.theme, base: before.base });
    }
  }

  async function choose(choice) {
    remove();
    chosen = choice;
    if (!choice) return;
    const style = await styleOf(choice);
    if (chosen !== choice || layer) return;
    const pane = ioc.leaflet.getPane(PANE) || ioc.leaflet.createPane(PANE);
    pane.style.zIndex = 250;
    layer = ioc.mapView.another({ style, pane: PANE });
    ioc.leaflet.on("move zoomend resize", clip);
    document.getElementById("map-frame").append(bar());
    clip();
  }

  function remove() {
    if (!layer) return;
    ioc.leaflet.off("move zoomend resize", clip);
    layer.remove();
    layer = null;
    document.getElementById("swipe-bar").remove();
  }

  function bar() {
    return el("div", { id: "swipe-bar", role: "slider", tabindex: 0, "aria-label": ioc.text("swipe_bar"), "aria-valuemin": 0, "aria-valuemax": 100, onpointerdown: grab, onkeydown: pressed }, el("i", {}));
  }

  function grab(event) {
    event.preventDefault();
    event.stopPropagation();
    const node = event.currentTarget;
    node.setPointerCapture(event.pointerId);
    node.onpointermove = (moved) => place(moved.clientX / ioc.leaflet.getSize().x);
    node.onpointerup = () => (node.onpointermove = null);
  }

  function pressed(event) {
    const step = { ArrowLeft: -STEP, ArrowRight: STEP }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    place(share + step);
  }

  function place(part) {
    share = Math.max(0.02, Math.min(0.98, part));
    clip();
  }

  /** Shows of the second map what lies right of the bar; its pane moves with the map, the bar does not. */
  function clip() {
    const size = ioc.leaflet.getSize();
    const from = ioc.leaflet.containerPointToLayerPoint([size.x * share, 0]);
    const to = ioc.leaflet.containerPointToLayerPoint(size);
    ioc.leaflet.getPane(PANE).style.clip = `rect(${from.y}px, ${to.x}px, ${to.y}px, ${from.x}px)`;
    const node = document.getElementById("swipe-bar");
    node.style.left = `${share * 100}%`;
    node.setAttribute("aria-valuenow", Math.round(share * 100));
  }

  async function refresh() {
    const shown = layer;
    if (!shown) return;
    const style = await styleOf(chosen);
    if (layer === shown) shown.getMaplibreMap().setStyle(style, { diff: true });
  }

  /** The choice of what to compare with, for the views panel. */
  function element() {
    const themes = ["night", "day", "print"].filter((theme) => theme !== ioc.memory.theme).map((theme) => [`theme:${theme}`, ioc.text(`theme_${theme}_long`)]);
    const bases = ioc.baseMap.offered().map((one) => [`base:${one.id}`, ioc.named(one, "title")]);
    return el("label", { class: "variant base-choice" }, el("span", {}, ioc.text("swipe")),
      el("select", { id: "swipe-choice", onchange: (event) => choose(event.target.value) },
        [["", ioc.text("swipe_none")], ...themes, ...bases].map(([value, text]) => el("option", { value, selected: value === chosen }, text))));
  }

  function start() {
    ioc.on("layers", refresh);
  }

  ioc.mapSwipe = { start, element, choose };
})();
