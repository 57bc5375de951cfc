/* What lies in a drawn shape: counts and sums by layer and class, the features, and files to take away. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const FORMATS = ["xlsx", "csv", "geojson", "gpkg"];
  const CLASSES = 10;
  const PAGE = 50;
  const LARGEST_BUFFER = 50000; // metres
  let asked = null; // { title, question, buffered }
  let state = { kind: "closed" };
  let asking = null;
  let outline = null;
  const open = new Set();

  const root = () => document.getElementById("query-panel");

  /** Asks about a shape; `buffered` is the text of the distance that can be changed, if there is one. */
  function ask(title, question, buffered = null) {
    ioc.nearest.close();
    ioc.layerStatistics.close(); // it would lie over the answer
    asked = { title, question, buffered };
    return fetchAnswer();
  }

  async function fetchAnswer() {
    asking?.abort();
    asking = new AbortController();
    set({ kind: "busy" });
    const layers = [...ioc.layers.all()].reverse().filter((layer) => ioc.layers.isOn(layer.id)).map((layer) => layer.id);
    if (!layers.length) return set({ kind: "problem", problem: { message: ioc.text("query_no_layers") } });
    try {
      const answer = await post({ ...asked.question, layers, limit: PAGE }, asking.signal);
      set({ kind: "found", answer: { ...answer, layers: ordered(answer.layers) } });
    } catch (problem) {
      if (problem.name !== "AbortError") set({ kind: "problem", problem });
    }
    return undefined;
  }

  const post = (question, signal) =>
    ioc.service.get("/query", { method: "POST", signal, headers: { "Content-Type": "application/json", Accept: "application/json" }, body: JSON.stringify(question) });

  /** What has something first, the ground last. */
  function ordered(layers) {
    const rank = (entry) => (entry.count ? 0 : 2) + (ioc.mapStyle.isBase(ioc.layers.find(entry.layer) || { id: entry.layer }) ? 1 : 0);
    return [...layers].sort((one, other) => rank(one) - rank(other));
  }

  function set(next) {
    state = next;
    outline?.remove();
    outline = null;
    if (state.kind === "found") outline = window.L.geoJSON(state.answer.shape, { style: ioc.drawing.look() }).addTo(ioc.leaflet);
    draw();
  }

  function close() {
    asking?.abort();
    set({ kind: "closed" });
  }

  function draw() {
    root().hidden = state.kind === "closed";
    root().dataset.state = state.kind;
    root().setAttribute("aria-label", ioc.text("query_panel"));
    if (state.kind === "closed") return root().replaceChildren();
    return root().replaceChildren(
      el("div", { class: "panel-head" }, el("h2", {}, ioc.text("query_title", { title: asked.title })),
        ioc.layerPanel.iconButton("close", ioc.text("query_close"), close, { id: "query-close" })),
      ...(asked.buffered ? [bufferField()] : []),
      el("div", { class: "query-body" }, body()));
  }

  function bufferField() {
    const change = (event) => {
      const metres = Number(event.target.value);
      if (!(metres > 0 && metres <= LARGEST_BUFFER)) return;
      asked.question.buffer_m = metres;
      fetchAnswer();
    };
    return el("label", { class: "query-buffer" }, ioc.text(asked.buffered),
      el("input", { type: "number", id: "query-metres", min: 1, max: LARGEST_BUFFER, step: "any", value: String(asked.question.buffer_m), onchange: change }), "m");
  }

  function body() {
    if (state.kind === "busy") return el("p", { class: "empty", role: "status" }, ioc.text("query_busy"));
    if (state.kind === "problem") return ioc.service.note(state.problem, fetchAnswer);
    const { answer } = state;
    const filled = answer.layers.filter((layer) => layer.count);
    const bare = answer.layers.filter((layer) => !layer.count).map((layer) => ioc.named(layer, "title"));
    return [
      el("p", { class: "quiet query-size figures" }, ioc.text("query_size", { area: ioc.quantity.area(answer.area_m2), perimeter: ioc.quantity.length(answer.perimeter_m) })),
      ...filled.map(layerPart),
      bare.length ? el("p", { class: "quiet query-size" }, ioc.text("query_none", { layers: bare.join(ioc.text("list_mark")) })) : null,
    ].filter(Boolean);
  }

  function layerPart(entry) {
    const layer = ioc.layers.find(entry.layer);
    const toggle = (event) => (event.target.open ? open.add(entry.layer) : open.delete(entry.layer));
    return el("details", { "data-layer-found": entry.layer, open: open.has(entry.layer), ontoggle: toggle },
      el("summary", {}, ioc.layerPanel.swatch(layer?.legend?.[0]), el("span", {}, ioc.named(entry, "title")),
        el("b", { class: "figures", "data-count": entry.count }, ioc.quantity.count(entry.count)),
        entry.measure ? el("small", { class: "figures", "data-amount": entry.amount }, ioc.quantity.of(entry.amount, entry.measure)) : null),
      classes(entry), features(entry), layer?.downloadable ? exports(entry) : el("p", { class: "quiet" }, ioc.text("query_no_export")));
  }

  function classes(entry) {
    if (entry.classes.length < 2 && !entry.measure) return null;
    const rest = entry.classes.slice(CLASSES);
    const row = (name, count, amount) =>
      el("tr", {}, el("th", { scope: "row" }, name), el("td", { class: "figures" }, ioc.quantity.count(count)),
        entry.measure ? el("td", { class: "figures" }, ioc.quantity.of(amount, entry.measure)) : null);
    const sum = (key) => rest.reduce((total, part) => total + (part[key] || 0), 0);
    return el("table", { class: "query-classes" },
      entry.classes.slice(0, CLASSES).map((part) => row(ioc.named(part, "text"), part.count, part.amount)),
      rest.length ? row(ioc.text("query_other_classes", { count: rest.length }), sum("count"), sum("amount")) : null);
  }

  function features(entry) {
    const list = el("ul", { class: "query-features" }, entry.features.map((feature) => featureRow(entry, feature)));
    const more = el("button", { type: "button", class: "text-button" }, ioc.text("query_more"));
    more.hidden = entry.features.length >= entry.count;
    more.addEventListener("click", async () => {
      const question = { ...asked.question, layers: [entry.layer], offset: entry.features.length, limit: PAGE };
      try {
        const [page] = (await post(question)).layers;
        entry.features.push(...page.features);
        list.append(...page.features.map((feature) => featureRow(entry, feature)));
        more.hidden = entry.features.length >= entry.count || !page.features.length;
      } catch (problem) {
        ioc.banner.show("query_more", "bad", problem.message);
      }
    });
    return el("div", {}, list, more);
  }

  function featureRow(entry, feature) {
    const go = () => {
      ioc.mapView.flyTo(feature);
      ioc.recordCard.open(entry.layer, feature.id, feature.title, { lon: feature.lon, lat: feature.lat });
    };
    return el("li", {}, el("button", { type: "button", onclick: go }, el("span", {}, feature.title),
      el("span", { class: "quiet" }, ioc.named(feature, "class"))));
  }

  function exports(entry) {
    return el("div", { class: "query-exports" }, el("span", { class: "quiet" }, ioc.text("query_export")),
      FORMATS.map((format) => el("button", { type: "button", class: "text-button", "data-format": format, onclick: (event) => save(entry, format, event.target) }, ioc.text(`format_${format}`))));
  }

  async function save(entry, format, button) {
    button.disabled = true;
    try {
      const query = new URLSearchParams({ format, lang: ioc.memory.language });
      const question = JSON.stringify({ ...asked.question, layers: [entry.layer] });
      const response = await ioc.service.get(`/query/export?${query}`, { method: "POST", raw: true, headers: { Accept: "application/json", "Content-Type": "application/json" }, body: question });
      const url = URL.createObjectURL(await response.blob());
      el("a", { href: url, download: `${ioc.named(entry, "title")}.${format}` }).click();
      URL.revokeObjectURL(url);
    } catch (problem) {
      ioc.banner.show("query_export_failed", "bad", ioc.text("query_export_failed", { reason: problem.message }));
    } finally {
      button.disabled = false;
    }
  }

  function start() {
    ioc.on("language", draw);
    ioc.on("theme", () => outline?.setStyle(ioc.drawing.look()));
  }

  ioc.queryPanel = { start, ask, close };
})();
