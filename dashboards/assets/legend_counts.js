/* Numbers of the legend: how many features of each class are in view, asked once the map rests. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const PAUSE = 250; // milliseconds of rest before the server is asked
  const counts = new Map(); // by layer: {total, classes: value → count}
  let asking = null;
  let timer = null;

  const bounds = () => {
    const view = ioc.leaflet.getBounds();
    return [view.getWest(), view.getSouth(), view.getEast(), view.getNorth()];
  };

  function soon() {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE);
  }

  const counted = () => ioc.mapSwipe.leftLayers(ioc.layers.all()).filter((layer) => ioc.layers.isOn(layer.id) && !ioc.mapStyle.isBase(layer)).slice(0, 40);

  async function ask() {
    asking?.abort();
    asking = new AbortController();
    const layers = Object.fromEntries(counted().map((layer) => [layer.id, ioc.filters.of(layer.id)]));
    try {
      const answer = Object.keys(layers).length ? await ioc.service.post("/layers/counts", { bbox: bounds(), layers, at: ioc.mapSwipe.moment() || null }, { signal: asking.signal }) : { layers: [] };
      counts.clear();
      for (const one of answer.layers) counts.set(one.layer, { total: one.total, classes: new Map(one.classes.map(({ value, count }) => [value, count])) });
      show();
    } catch (problem) {
      if (problem.name !== "AbortError") counts.clear();
    }
  }

  /** Features that a legend entry stands for; an entry without classes stands for all that no other names. */
  function ofEntry(layer, entry) {
    const found = counts.get(layer.id);
    const entries = ioc.arrangement.legendOf(layer);
    if (!found || entry.counted === false) return null;
    if (entries.length === 1) return found.total;
    const sum = (values) => values.reduce((total, value) => total + (found.classes.get(value) || 0), 0);
    if (entry.values) return sum(entry.values);
    if (entry.value && found.classes.has(entry.value)) return found.classes.get(entry.value);
    const named = new Set(entries.flatMap((one) => one.values || [one.value]));
    const others = entries.filter((one) => !one.values);
    if (others.length > 1 && entry !== others.at(-1)) return 0;
    return sum([...found.classes.keys()].filter((value) => !named.has(value)));
  }

  const written = (number) => (number === null || number === undefined ? "" : number.toLocaleString("en-US"));

  /** The place in a legend where an entry's number stands. */
  const figure = (layer, entry, index) => ioc.element("span", { class: "quiet figures legend-count", "data-count-of": `${layer.id}/${index}`, title: ioc.text("count_in_view") }, written(ofEntry(layer, entry)));

  function show() {
    for (const node of document.querySelectorAll("[data-count-of]")) {
      const [id, index] = node.dataset.countOf.split("/");
      const layer = ioc.layers.find(id);
      const entry = layer && ioc.arrangement.legendOf(layer)[index];
      node.textContent = entry ? written(ofEntry(layer, entry)) : "";
    }
    document.body.dataset.counts = "shown";
    ioc.tell("counts", counts);
  }

  /** Counting waits for the first whole map, which needs the server more. */
  async function start() {
    await ioc.ready;
    ioc.leaflet.on("moveend", soon);
    ioc.on("layers", soon);
    ioc.on("moment", soon);
    soon();
  }

  ioc.legendCounts = { start, figure, bounds, total: (id) => counts.get(id)?.total ?? null };
})();
