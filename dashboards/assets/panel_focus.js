/* Panels by keyboard: Escape closes the panel one is in, else the one opened last; the focus returns to what opened it. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const CLOSING = {
    "record-card": "close-record",
    "query-panel": "query-close",
    "nearest-panel": "close-nearest",
    "feature-table": "close-table",
    "layer-statistics": "close-statistics",
    "view-panel": "close-views",
    "grid-check": "close-grid-check",
    "edit-panel": "close-edit",
    "replay-panel": "replay-close",
  };
  const open = new Map(); // panel → where the focus was when it opened, the last opened last
  let focused = null;

  /** Where an element will be found again after its panel was drawn anew. */
  function placeOf(node) {
    const layer = node.closest("[data-layer]")?.dataset.layer;
    return { node, selector: node.id ? `#${CSS.escape(node.id)}` : layer ? `[data-layer="${layer}"] .layer-name` : "#map" };
  }

  function giveBack({ node, selector }) {
    const target = node.isConnected && node.checkVisibility() ? node : document.querySelector(selector);
    target?.focus({ preventScroll: true });
  }

  function follow(changes) {
    for (const { target: panel } of changes) {
      if (panel.hidden === !open.has(panel)) continue;
      if (!panel.hidden) {
        open.set(panel, focused || placeOf(document.getElementById("map")));
        for (const one of open.keys()) one.toggleAttribute("data-front", one === panel);
        continue;
      }
      const opener = open.get(panel);
      open.delete(panel);
      // Who has gone on elsewhere in the meantime is not called back.
      if (document.activeElement === document.body || panel.contains(document.activeElement)) giveBack(opener);
    }
  }

  function closeOne(event) {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    const panels = [...open.keys()].filter((panel) => !panel.hidden);
    const panel = panels.find((one) => one.contains(event.target)) || panels.at(-1);
    if (!panel) return;
    event.preventDefault();
    document.getElementById(CLOSING[panel.id])?.click();
  }

  /** Draws a list anew without taking the focus from who works in it by keys. */
  function keep(root, draw) {
    const node = root.contains(document.activeElement) ? document.activeElement : null;
    const part = node?.closest("[data-layer], .group");
    const inside = (one) => [...one.querySelectorAll(node.dataset.act ? `[data-act="${node.dataset.act}"]` : "button, input, select, a")];
    const number = part ? inside(part).indexOf(node) : -1;
    const group = part ? [...root.children].indexOf(part) : -1;
    draw();
    if (!part || node.isConnected) return;
    const again = part.dataset.layer ? root.querySelector(`[data-layer="${part.dataset.layer}"]`) : root.children[group];
    if (again) inside(again)[number]?.focus({ preventScroll: true });
  }

  function start() {
    const watcher = new MutationObserver(follow);
    for (const id of Object.keys(CLOSING)) watcher.observe(document.getElementById(id), { attributes: true, attributeFilter: ["hidden"] });
    document.addEventListener("focusin", ({ target }) => {
      if (!target.closest(Object.keys(CLOSING).map((id) => `#${id}`).join())) focused = placeOf(target);
    });
    document.addEventListener("keydown", closeOne);
  }

  ioc.panelFocus = { start, keep };
})();
