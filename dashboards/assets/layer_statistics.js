/* Numbers of a layer by street, community or class as bars; a bar leads to its area or filters the map. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const SVG = "http://www.w3.org/2000/svg";
  const BAR = 24;
  const WIDTH = 420;
  const NAME = 132;
  const FIGURE = 92;
  let shown = null; // {id, by, measure, answer}
  let asking = null;

  const root = () => document.getElementById("layer-statistics");

  function open(id, by = shown?.by || "street") {
    shown = { id, by, measure: shown?.measure || "count", answer: null };
    root().hidden = false;
    draw();
    ask();
  }

  function close() {
    asking?.abort();
    shown = null;
    root().hidden = true;
  }

  async function ask() {
    asking?.abort();
    asking = new AbortController();
    const asked = shown;
    try {
      asked.answer = await ioc.service.get(`/layers/${asked.id}/statistics?by=${asked.by}${ioc.filters.query(asked.id)}`, { signal: asking.signal });
    } catch (problem) {
      if (problem.name === "AbortError") return;
      asked.problem = problem;
    }
    if (shown === asked) draw();
  }

  function segments(values, chosen, words, choose) {
    return el("div", { class: "segments", role: "group" }, values.map((value) =>
      el("button", { type: "button", "data-by": value, "aria-pressed": String(value === chosen), onclick: () => choose(value) }, ioc.text(`${words}_${value}`))));
  }

  function draw() {
    const layer = ioc.layers.find(shown.id);
    const conditions = ioc.filters.of(shown.id);
    const lengths = shown.answer?.bars.some((bar) => bar.length_m !== null);
    root().setAttribute("aria-label", ioc.text("statistics"));
    root().replaceChildren(
      el("div", { class: "panel-head" },
        el("h2", {}, `${ioc.named(layer, "title")} · ${ioc.text("statistics")}`),
        ioc.layerPanel.iconButton("close", ioc.text("statistics_close"), close, { id: "close-statistics" })),
      el("div", { class: "panel-tools" },
        segments(["street", "community", "class"], shown.by, "statistics_by", (by) => open(shown.id, by)),
        lengths ? segments(["count", "length"], shown.measure, "statistics", (measure) => { shown.measure = measure; draw(); }) : null,
        conditions ? el("p", { class: "quiet" }, ioc.filters.sentence(layer, conditions)) : null),
      el("div", { class: "chart" }, body(layer, lengths)));
  }

  function body(layer, lengths) {
    if (shown.problem) return ioc.service.note(shown.problem, () => open(shown.id));
    if (!shown.answer) return el("p", { class: "empty", role: "status" }, ioc.text("statistics_busy"));
    if (!shown.answer.bars.length) return el("p", { class: "empty", role: "status" }, ioc.text("statistics_none"));
    const long = lengths && shown.measure === "length";
    const value = (bar) => (long ? (bar.length_m || 0) / 1000 : bar.count);
    const bars = [...shown.answer.bars].sort((one, other) => value(other) - value(one));
    return chart(layer, bars, value, long ? (number) => `${number.toFixed(2)} km` : (number) => number.toLocaleString("en-US"));
  }

  function node(tag, attributes, text) {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function chart(layer, bars, value, written) {
    const most = Math.max(...bars.map(value)) || 1;
    const svg = node("svg", { viewBox: `0 0 ${WIDTH} ${bars.length * BAR}`, role: "list", "aria-label": ioc.text("statistics") });
    bars.forEach((bar, index) => {
      const name = ioc.named(bar, "label") || ioc.text("statistics_unknown");
      const y = index * BAR;
      const group = node("g", { role: "listitem", tabindex: 0, class: "bar", "data-bar": bar.value ?? "", "aria-label": `${name} ${written(value(bar))}` });
      const width = Math.max(1, ((WIDTH - NAME - FIGURE) * value(bar)) / most);
      group.append(
        node("rect", { x: 0, y, width: WIDTH, height: BAR, class: "bar-ground" }),
        node("text", { x: NAME - 8, y: y + 16, "text-anchor": "end" }, name.length > 10 ? `${name.slice(0, 9)}…` : name),
        node("rect", { x: NAME, y: y + 6, width, height: BAR - 12, rx: 2, class: "bar-length", ...colourOf(layer, bar) }),
        node("text", { x: NAME + width + 6, y: y + 16, class: "bar-figure" }, written(value(bar))),
        node("title", {}, name));
      const lead = () => follow(layer, bar);
      group.addEventListener("click", lead);
      group.addEventListener("keydown", (event) => event.key === "Enter" && lead());
      svg.append(group);
    });
    return svg;
  }

  function colourOf(layer, bar) {
    if (shown.by !== "class") return {};
    const entry = (layer.legend || []).find((one) => one.values?.includes(bar.value)) || (layer.legend || []).find((one) => !one.values);
    return entry?.colour ? { style: `fill:${entry.colour}` } : {};
  }

  /** To the area of the bar, or to the map of its class alone. */
  function follow(layer, bar) {
    if (bar.bbox) ioc.mapView.flyTo({ bbox: bar.bbox });
    else if (bar.conditions) ioc.filters.set(layer.id, bar.conditions);
  }

  function start() {
    ioc.on("filter", (id) => shown?.id === id && open(id));
    ioc.on("language", () => shown && draw());
    ioc.on("layers", () => shown && !ioc.layers.find(shown.id) && close());
  }

  ioc.layerStatistics = { start, open, close };
})();
