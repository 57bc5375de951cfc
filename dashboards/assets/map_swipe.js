/* Two maps side by side, parted by a bar that is dragged: other themes, base maps, sets of layers, moments of the data. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const PANE = "swipe";
  const STEP = 0.04; // of the width, a key press
  const NOTHING = { left: "", right: "", look: "", layers: null };
  let compared = NOTHING; // moments of the two sides; on the right "theme:day" or "base:…" and the ids of its layers
  let layer = null;
  let share = 0.5;

  const isOn = () => Boolean(compared.left || compared.right || compared.look || compared.layers);

  /** What is compared, for links; null when nothing is. */
  const state = () => (isOn() ? { ...compared, share: Number(share.toFixed(3)) } : null);

  /** The moment and layers of the side that a place on the screen (pixels from the left) is on. */
  const sideOf = (x) => (layer && x > share * ioc.leaflet.getSize().x ? { at: compared.right, layers: compared.layers } : { at: compared.left, layers: null });

  /** The moment of the left side, whose numbers the legend and the table show; empty for the present. */
  const moment = () => compared.left;

  /** The layers as the left side, which is the page's own map, shows them. */
  const leftLayers = (layers) => ioc.moments.layersAt(layers, compared.left);

  /** The right side's style; nothing of it is remembered. */
  async function rightStyle() {
    const [kind, name] = compared.look.split(":");
    const layers = kind === "theme" ? await ioc.layers.themed(name) : ioc.layers.all();
    const before = { ...ioc.memory };
    const on = compared.layers && Object.fromEntries(layers.map((one) => [one.id, ioc.mapStyle.isBase(one) ? ioc.layers.isOn(one.id) : compared.layers.includes(one.id)]));
    Object.assign(ioc.memory, kind === "theme" ? { theme: name } : {}, kind === "base" ? { base: name } : {}, on ? { layers: on } : {});
    try {
      return ioc.mapStyle.assemble(ioc.moments.layersAt(layers, compared.right));
    } finally {
      Object.assign(ioc.memory, { theme: before.theme, base: before.base, layers: before.layers });
    }
  }

  /** Compares what is asked for; without anything the page has one map again. */
  async function compare(asked) {
    const left = compared.left;
    compared = { ...NOTHING, ...asked };
    const mine = compared;
    if (compared.left || compared.right) await ioc.moments.load();
    if (left !== compared.left) {
      ioc.mapView.refresh(ioc.layers.all());
      ioc.tell("moment");
    }
    if (!isOn()) return remove();
    const style = await rightStyle();
    if (compared !== mine) return undefined;
    if (layer) layer.getMaplibreMap().setStyle(style, { diff: true });
    else raise(style);
    label();
    return clip();
  }

  const change = (part) => compare({ ...compared, ...part });

  function restore(asked) {
    share = asked?.share ?? share;
    return compare(asked || NOTHING);
  }

  function raise(style) {
    const pane = ioc.leaflet.getPane(PANE) || ioc.leaflet.createPane(PANE);
    pane.style.zIndex = 250;
    layer = ioc.mapView.another({ style, pane: PANE });
    ioc.leaflet.on("move zoomend resize", clip);
    document.getElementById("map-frame").append(bar(), el("p", { class: "swipe-side", id: "swipe-note", role: "note" }));
  }

  function remove() {
    if (!layer) return;
    ioc.leaflet.off("move zoomend resize", clip);
    layer.remove();
    layer = null;
    clipLive();
    for (const id of ["swipe-bar", "swipe-note"]) document.getElementById(id).remove();
  }

  function bar() {
    return el("div", { id: "swipe-bar", role: "slider", tabindex: 0, "aria-label": ioc.text("swipe_bar"), "aria-valuemin": 0, "aria-valuemax": 100, onpointerdown: grab, onkeydown: pressed },
      el("span", { class: "swipe-side", id: "swipe-left" }), el("i", {}), el("span", { class: "swipe-side", id: "swipe-right" }));
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
    clipLive();
  }

  /** What happens now is no part of a side that shows an earlier moment. */
  function clipLive() {
    const live = ioc.leaflet.getPane("live");
    if (!live) return;
    const size = ioc.leaflet.getSize();
    const edge = size.x * share;
    const from = ioc.leaflet.containerPointToLayerPoint([compared.left ? edge : 0, 0]);
    const to = ioc.leaflet.containerPointToLayerPoint([compared.right ? edge : size.x, size.y]);
    live.style.clip = compared.left || compared.right ? `rect(${from.y}px, ${Math.max(from.x, to.x)}px, ${to.y}px, ${from.x}px)` : "";
  }

  /** Says on each side what it shows. */
  function label() {
    const time = (at) => (at ? ioc.text("swipe_then", { time: ioc.clock(at) }) : ioc.text("swipe_now"));
    const absent = (at) => {
      const gone = ioc.layers.all().filter((one) => ioc.layers.isOn(one.id)).length - ioc.moments.layersAt(ioc.layers.all().filter((one) => ioc.layers.isOn(one.id)), at).length;
      return gone ? ioc.text("swipe_absent", { count: gone }) : null;
    };
    const look = looks().find(([value]) => value === compared.look);
    const layers = compared.layers && ioc.text("swipe_layers_count", { count: compared.layers.length });
    const say = (id, parts) => (document.getElementById(id).textContent = parts.filter(Boolean).join(" · "));
    say("swipe-left", [time(compared.left), absent(compared.left)]);
    document.getElementById("swipe-note").hidden = !(compared.left || compared.right);
    say("swipe-note", [ioc.text("swipe_note")]);
    say("swipe-right", [time(compared.right), look?.[1], layers, absent(compared.right)]);
  }

  const refresh = () => isOn() && compare(compared);

  function looks() {
    const themes = ["night", "day", "print"].filter((theme) => theme !== ioc.memory.theme).map((theme) => [`theme:${theme}`, ioc.text(`theme_${theme}_long`)]);
    return [...themes, ...ioc.baseMap.offered().map((one) => [`base:${one.id}`, ioc.named(one, "title")])];
  }

  function choice(id, key, options, chosen, onchange) {
    return el("label", { class: "variant base-choice" }, el("span", {}, ioc.text(key)),
      el("select", { id, onchange: (event) => onchange(event.target.value) }, options.map(([value, text]) => el("option", { value, selected: value === chosen }, text))));
  }

  const shownLayers = () => ioc.layers.all().filter((one) => ioc.layers.isOn(one.id) && !ioc.mapStyle.isBase(one)).map((one) => one.id);

  /** The choices of what to compare, for the views panel; `views` are the saved ones. */
  function element(views) {
    const moments = [["", ioc.text("swipe_now")], ...ioc.moments.offered().map(({ at, text }) => [at, text])];
    const sets = [["", ioc.text("swipe_same_layers")], ["now", ioc.text("swipe_layers_now", { count: shownLayers().length })], ...views.map((view) => [`view:${view.id}`, view.name])];
    if (compared.layers) sets.splice(1, 0, ["kept", ioc.text("swipe_layers_count", { count: compared.layers.length })]);
    const take = (value) => {
      const view = views.find((one) => `view:${one.id}` === value);
      const layers = { "": null, now: shownLayers(), kept: compared.layers }[value];
      change({ layers: view ? (ioc.viewState.read(view.state)?.layers ?? null) : layers });
    };
    return el("fieldset", { class: "swipe-choices" },
      el("legend", {}, ioc.text("swipe")),
      choice("swipe-left-at", "swipe_left_at", moments, compared.left, (left) => change({ left })),
      choice("swipe-right-at", "swipe_right_at", moments, compared.right, (right) => change({ right })),
      choice("swipe-choice", "swipe_look", [["", ioc.text("swipe_none")], ...looks()], compared.look, (look) => change({ look })),
      choice("swipe-layers", "swipe_layers", sets, compared.layers ? "kept" : "", take));
  }

  function start() {
    ioc.on("layers", refresh);
    ioc.on("live-items", clipLive);
    ioc.on("language", () => layer && label());
  }

  ioc.mapSwipe = { start, element, restore, state, sideOf, moment, leftLayers };
})();
