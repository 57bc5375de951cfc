/* The table of the features in view: rows read as they are scrolled to, sorted and filtered by the server, linked both ways with the map. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const PAGE = 200;
  const PAUSE = 300;
  const OPTIONS = {
    cacheBlockSize: PAGE,
    maxBlocksInCache: 20,
    maxConcurrentDatasourceRequests: 1,
    rowHeight: 26,
    headerHeight: 30,
    rowSelection: { mode: "singleRow", checkboxes: false, enableClickSelection: false },
    multiSortKey: "ctrl",
    tooltipShowDelay: 600,
    suppressDragLeaveHidesColumns: true,
    defaultColDef: { sortable: true, resizable: true, suppressHeaderMenuButton: false },
  };
  let table = null; // {id, grid, chosen, total, listed: rows that there are, that may be scrolled to}
  let timer = null;

  const root = () => document.getElementById("feature-table");
  const layer = () => ioc.layers.find(table.id);

  async function open(id) {
    close();
    const opened = (table = { id, grid: null, chosen: null, total: null, listed: null });
    if (!ioc.layers.isOn(id)) ioc.layers.turn(id, true);
    root().hidden = false;
    document.body.dataset.table = "open";
    build();
    root().dataset.state = "busy";
    try {
      const grid = await ioc.gridLibrary.mount(root().querySelector(".table-grid"), OPTIONS, (request) => getRows(opened, request));
      if (table !== opened) return grid.remove();
      table.grid = grid;
      fill(grid.api);
    } catch (problem) {
      tell(problem);
    }
    return undefined;
  }

  function close() {
    table?.grid?.remove();
    table = null;
    root().hidden = true;
    root().replaceChildren();
    document.body.dataset.table = "closed";
  }

  function build() {
    const csv = layer().downloadable ? el("a", { class: "text-button", id: "table-csv", download: `${table.id}.csv` }, ioc.text("table_csv")) : null;
    root().setAttribute("aria-label", ioc.text("table"));
    root().replaceChildren(
      el("div", { class: "panel-head" },
        el("h2", {}, ioc.named(layer(), "title")), el("span", { class: "quiet figures", id: "table-count", role: "status" }),
        el("span", { class: "quiet", id: "table-filter" }),
        el("button", { type: "button", class: "text-button", id: "filter-by-table", hidden: true, onclick: filterMap }, ioc.text("table_filter_map")),
        el("button", { type: "button", class: "text-button", id: "choose-columns", "aria-expanded": "false", onclick: chooseColumns }, ioc.text("table_columns")), csv,
        ioc.layerPanel.iconButton("close", ioc.text("table_close"), close, { id: "close-table" })),
      el("div", { class: "table-grid" }));
  }

  function fill(api) {
    api.setGridOption("popupParent", document.body); // the table is too low for the filters' boxes
    api.setGridOption("columnDefs", ioc.tableColumns.definitions(layer()));
    api.purgeInfiniteCache();
    api.addEventListener("cellFocused", ({ rowIndex }) => choose(api.getDisplayedRowAtIndex(rowIndex)?.data));
    api.addEventListener("cellKeyDown", copyCell);
    for (const event of ["columnVisible", "columnMoved", "columnResized"]) api.addEventListener(event, ({ source, finished }) => source !== "gridOptionsChanged" && finished !== false && ioc.tableColumns.keep(layer(), api));
  }

  /** What the table asks: the view, the layer's filter and the columns' own, the order. */
  function question() {
    const api = table.grid.api;
    const conditions = [...(ioc.filters.of(table.id) || []), ...ioc.tableColumns.conditions(layer(), api.getFilterModel())];
    const sorted = api.getColumnState().filter((one) => one.sort).sort((one, other) => one.sortIndex - other.sortIndex);
    return {
      bbox: ioc.legendCounts.bounds(),
      filter: conditions.length ? conditions : null,
      sort: sorted.map((one) => ({ field: one.colId, descending: one.sort === "desc" })),
      language: ioc.memory.language,
      at: ioc.mapSwipe.moment() || null,
    };
  }

  const ask = (more) => ioc.service.post(`/layers/${table.id}/rows`, { ...question(), ...more });

  async function getRows(asked, { startRow, endRow, successCallback, failCallback }) {
    if (table !== asked || !asked.grid) return failCallback();
    root().dataset.state = "busy";
    try {
      const answer = await ask({ offset: startRow, limit: endRow - startRow });
      if (table !== asked) return failCallback();
      table.total = answer.total;
      table.listed = Math.min(answer.total, answer.most ?? answer.total);
      successCallback(answer.rows.map((row) => ({ ...row, key: String(row.id) })), table.listed);
      root().dataset.state = answer.total ? "filled" : "empty";
      mark();
      say();
    } catch (problem) {
      failCallback();
      if (table === asked) tell(problem);
    }
    return undefined;
  }

  function tell(problem) {
    root().dataset.state = "problem";
    document.getElementById("table-count").replaceChildren(ioc.service.note(problem, () => open(table.id)));
  }

  function say() {
    const { bbox, sort, language, filter, at } = question();
    const count = table.total.toLocaleString("en-US");
    document.getElementById("table-count").textContent = [
      table.listed < table.total ? ioc.text("table_capped", { count, listed: table.listed.toLocaleString("en-US") }) : ioc.text("table_count", { count }),
      at && ioc.text("swipe_then", { time: ioc.clock(at) }),
    ].filter(Boolean).join(" · ");
    document.getElementById("table-filter").textContent = filter ? ioc.filters.sentence(layer(), filter) : "";
    document.getElementById("filter-by-table").hidden = !Object.keys(table.grid.api.getFilterModel()).length;
    const link = document.getElementById("table-csv");
    if (!link) return;
    const parts = new URLSearchParams({ bbox: bbox.map((part) => part.toFixed(7)).join(","), language });
    if (sort.length) parts.set("sort", sort.map((one) => (one.descending ? `-${one.field}` : one.field)).join(","));
    if (filter) parts.set("filter", JSON.stringify(filter));
    if (at) parts.set("at", at);
    link.href = `/layers/${table.id}/rows.csv?${parts}`;
  }

  /** Takes the columns' filters over into the layer's: the map shows what the table does. */
  function filterMap() {
    const { filter } = question();
    table.grid.api.setFilterModel(null);
    ioc.filters.set(table.id, filter);
  }

  function chooseColumns() {
    const shown = document.getElementById("table-columns");
    document.getElementById("choose-columns").setAttribute("aria-expanded", String(!shown));
    if (shown) shown.remove();
    else root().append(ioc.tableColumns.choice(layer(), table.grid.api));
  }

  /** Copies the focused cell, unless text is selected; works without HTTPS too. */
  function copyCell({ event, value }) {
    if (!(event.ctrlKey || event.metaKey) || event.key !== "c" || String(getSelection())) return;
    const put = (copied) => {
      copied.clipboardData.setData("text/plain", value);
      copied.preventDefault();
    };
    document.addEventListener("copy", put, { once: true });
    document.execCommand("copy");
    document.removeEventListener("copy", put);
  }

  /** Shows a row on the map. The rows stay: the map moves for the table, not the table for the map. */
  function choose(row) {
    if (!row || row.id === table.chosen) return;
    table.chosen = row.id;
    mark();
    const inView = ioc.leaflet.getBounds().pad(-0.2).contains([row.lat, row.lon]);
    moved = true;
    if (!inView || ioc.mapView.tileZoom() < 16) ioc.mapView.flyTo({ bbox: row.bbox, lon: row.lon, lat: row.lat, zoom: 18 });
    setTimeout(() => (moved = false), 1500);
    ioc.recordCard.open(table.id, row.id, row.cells[0], { lon: row.lon, lat: row.lat });
  }

  let moved = false; // the table itself has moved the map

  function mark() {
    const api = table.grid.api;
    const node = table.chosen === null ? null : api.getRowNode(String(table.chosen));
    if (node) node.setSelected(true, true);
    else api.deselectAll();
  }

  /** A feature chosen on the map is marked, and scrolled to wherever in the order it stands. */
  async function follow(feature) {
    if (!table?.grid || !feature || feature.layer !== table.id || feature.id === table.chosen) return;
    table.chosen = feature.id;
    mark();
    const asked = table;
    const { position } = await ask({ limit: 1, find: feature.id }).catch(() => ({}));
    if (table === asked && Number.isInteger(position) && position < table.listed) table.grid.api.ensureIndexVisible(position, "middle");
  }

  function soon() {
    if (!table?.grid || moved) return;
    clearTimeout(timer);
    timer = setTimeout(() => table?.grid?.api.purgeInfiniteCache(), PAUSE);
  }

  function start() {
    ioc.leaflet.on("moveend", soon);
    ioc.on("layers", () => table && (layer() && ioc.layers.isOn(table.id) ? soon() : close()));
    ioc.on("chosen", follow);
    ioc.on("moment", soon);
    ioc.on("language", () => table && open(table.id));
  }

  ioc.featureTable = { start, open, close };
})();
