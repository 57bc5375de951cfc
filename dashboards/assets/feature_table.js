/* The table of the features in view: read page by page from the server, linked both ways with the map. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const PAGE = 200;
  const ROW = 26; // pixels; the style sheet says the same
  const SPARE = 12; // rows drawn above and below what is seen
  const PAUSE = 300;
  let table = null; // {id, columns, rows, next, sort, chosen, reading}
  let timer = null;

  const root = () => document.getElementById("feature-table");
  const layer = () => ioc.layers.find(table.id);

  function open(id) {
    table = { id, columns: [], rows: [], next: null, sort: null, chosen: null, reading: null };
    if (!ioc.layers.isOn(id)) ioc.layers.turn(id, true);
    root().hidden = false;
    document.body.dataset.table = "open";
    build();
    restart();
  }

  function close() {
    table?.reading?.abort();
    table = null;
    root().hidden = true;
    root().replaceChildren();
    document.body.dataset.table = "closed";
  }

  function build() {
    const csv = layer().downloadable ? el("a", { class: "text-button", id: "table-csv", download: `${table.id}.csv` }, ioc.text("table_csv")) : null;
    root().replaceChildren(
      el("div", { class: "panel-head" },
        el("h2", {}, ioc.named(layer(), "title")), el("span", { class: "quiet figures", id: "table-count", role: "status" }),
        el("span", { class: "quiet", id: "table-filter" }), csv,
        ioc.layerPanel.iconButton("close", ioc.text("table_close"), close, { id: "close-table" })),
      el("div", { class: "table-scroll", tabindex: 0, onscroll: scrolled, onkeydown: pressed },
        el("table", {}, el("thead", {}), el("tbody", {}))));
  }

  const question = () => ({ bbox: ioc.legendCounts.bounds(), filter: ioc.filters.of(table.id), sort: table.sort, language: ioc.memory.language });

  /** Reads from the first row: another view, filter, order or language. */
  function restart() {
    table.reading?.abort();
    table.reading = null;
    Object.assign(table, { rows: [], next: null, complete: false, total: ioc.legendCounts.total(table.id) });
    root().dataset.state = "busy";
    read();
  }

  async function read() {
    if (table.reading || table.complete) return;
    const reading = (table.reading = new AbortController());
    const asked = table;
    try {
      const answer = await ioc.service.post(`/layers/${table.id}/rows`, { ...question(), limit: PAGE, after: table.next }, { signal: reading.signal });
      if (table !== asked || table.reading !== reading) return;
      const first = !table.rows.length;
      Object.assign(table, { columns: answer.columns, next: answer.next, complete: answer.next === null, reading: null });
      table.rows.push(...answer.rows);
      if (first) head();
      draw();
      root().dataset.state = table.rows.length ? "filled" : "empty";
    } catch (problem) {
      if (problem.name === "AbortError") return;
      table.reading = null;
      root().dataset.state = "problem";
      document.getElementById("table-count").textContent = problem.message;
    }
  }

  function head() {
    root().querySelector(".table-scroll").scrollTop = 0;
    root().querySelector("thead").replaceChildren(el("tr", {}, table.columns.map((column) => {
      const sorted = table.sort?.field === column.name ? (table.sort.descending ? "descending" : "ascending") : "none";
      return el("th", { scope: "col", "aria-sort": sorted, "data-column": column.name, "data-kind": column.kind },
        el("button", { type: "button", onclick: () => sortBy(column.name) }, ioc.named(column, "label"), column.unit ? el("span", { class: "unit" }, ` ${column.unit}`) : null));
    })));
  }

  function sortBy(field) {
    const again = table.sort?.field === field;
    table.sort = again && table.sort.descending ? null : { field, descending: again };
    restart();
  }

  /** Only rows that are seen are in the document; two empty rows keep the place of the others. */
  function draw() {
    const scroll = root().querySelector(".table-scroll");
    const first = Math.max(0, Math.floor(scroll.scrollTop / ROW) - SPARE);
    const last = Math.min(table.rows.length, first + Math.ceil(scroll.clientHeight / ROW) + 2 * SPARE);
    const gap = (rows) => el("tr", { "aria-hidden": "true", style: `height:${rows * ROW}px` });
    root().querySelector("tbody").replaceChildren(gap(first), ...table.rows.slice(first, last).map(line), gap(table.rows.length - last));
    say();
  }

  const line = (row) =>
    el("tr", { "data-feature": row.id, "aria-selected": String(row.id === table.chosen), onclick: () => choose(row) },
      row.cells.map((text, index) => el("td", { "data-kind": table.columns[index].kind, title: text }, text)));

  function say() {
    const shown = table.complete ? table.rows.length : table.total;
    document.getElementById("table-count").textContent = shown === null || shown === undefined ? "" : ioc.text("table_count", { count: Math.max(shown, table.rows.length).toLocaleString("en-US") });
    const conditions = ioc.filters.of(table.id);
    document.getElementById("table-filter").textContent = conditions ? ioc.filters.sentence(layer(), conditions) : "";
    const link = document.getElementById("table-csv");
    if (!link) return;
    const { bbox, sort, language } = question();
    const order = sort ? `&sort=${sort.field}&descending=${sort.descending}` : "";
    link.href = `/layers/${table.id}/rows.csv?bbox=${bbox.map((part) => part.toFixed(7))}${order}&language=${language}${ioc.filters.query(table.id)}`;
  }

  function scrolled(event) {
    const scroll = event.target;
    draw();
    if (scroll.scrollTop + scroll.clientHeight > scroll.scrollHeight - 20 * ROW) read();
  }

  function pressed(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !table.rows.length) return;
    event.preventDefault();
    const at = table.rows.findIndex((row) => row.id === table.chosen);
    choose(table.rows[Math.max(0, Math.min(table.rows.length - 1, at + step))]);
  }

  /** Shows a row on the map. The rows stay: the map moves for the table, not the table for the map. */
  function choose(row) {
    mark(row.id);
    const inView = ioc.leaflet.getBounds().pad(-0.2).contains([row.lat, row.lon]);
    moved = true;
    if (!inView || ioc.mapView.tileZoom() < 16) ioc.mapView.flyTo({ bbox: row.bbox, lon: row.lon, lat: row.lat, zoom: 18 });
    setTimeout(() => (moved = false), 1500);
    ioc.recordCard.open(table.id, row.id, row.cells[0], { lon: row.lon, lat: row.lat });
  }

  let moved = false; // the table itself has moved the map

  function mark(id) {
    table.chosen = id;
    draw();
  }

  /** A feature chosen on the map is marked and scrolled to, where its row has been read. */
  function follow(feature) {
    if (!table || !feature || feature.layer !== table.id) return;
    const at = table.rows.findIndex((row) => row.id === feature.id);
    table.chosen = feature.id;
    const scroll = root().querySelector(".table-scroll");
    const seen = at * ROW >= scroll.scrollTop && (at + 2) * ROW <= scroll.scrollTop + scroll.clientHeight;
    if (at >= 0 && !seen) scroll.scrollTop = Math.max(0, (at - 2) * ROW);
    draw();
  }

  function soon() {
    if (!table || moved) return;
    clearTimeout(timer);
    timer = setTimeout(() => table && restart(), PAUSE);
  }

  function start() {
    ioc.leaflet.on("moveend", soon);
    ioc.on("layers", () => table && (layer() && ioc.layers.isOn(table.id) ? soon() : close()));
    ioc.on("counts", () => {
      if (!table?.columns.length || moved) return;
      table.total = ioc.legendCounts.total(table.id);
      say();
    });
    ioc.on("chosen", follow);
    ioc.on("language", () => {
      if (!table) return;
      build();
      restart();
    });
  }

  ioc.featureTable = { start, open, close };
})();
