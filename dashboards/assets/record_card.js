/* What lies under a click: the features by layer, and the record of the chosen one, highlighted on the map. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const GEOMETRY_ORDER = { point: 0, line: 1, polygon: 2 };
  let asking = null;
  let shown = { state: "closed", found: [], chosen: 0, at: null };

  const root = () => document.getElementById("record-card");

  /** What is most particular first: points before lines before areas, of these the many small ones, ground last. */
  function flatten(answer) {
    const rank = (id) => {
      const layer = ioc.layers.find(id) || { id };
      return [ioc.mapStyle.isBase(layer) ? 1 : 0, GEOMETRY_ORDER[layer.geometry] ?? 0, -(layer.count || 0)];
    };
    const before = (one, other) => one.map((part, index) => part - other[index]).find((difference) => difference) || 0;
    return answer.layers
      .flatMap((layer) => layer.features.map((feature) => ({ ...feature, layer: layer.layer, rank: rank(layer.layer) })))
      .sort((one, other) => before(one.rank, other.rank));
  }

  async function identify(latlng, pixel) {
    asking?.abort();
    asking = new AbortController();
    const at = { lon: latlng.lng, lat: latlng.lat };
    const side = ioc.mapSwipe.sideOf(pixel?.x ?? 0);
    const here = ioc.moments.layersAt(ioc.layers.all(), side.at).map((layer) => layer.id);
    const layers = ioc.layers.asked(ioc.mapView.tileZoom(), side.layers).filter((id) => here.includes(id));
    if (!layers.length) return set({ state: "empty", found: [], chosen: 0, at });
    set({ state: "busy", found: [], chosen: 0, at });
    const query = new URLSearchParams({ lon: at.lon.toFixed(8), lat: at.lat.toFixed(8), zoom: ioc.mapView.tileZoom(), layers: layers.join(",") });
    if (side.at) query.set("at", side.at);
    try {
      const found = flatten(await ioc.service.get(`/identify?${query}`, { signal: asking.signal }));
      set({ state: found.length ? "found" : "empty", found, chosen: 0, at, moment: side.at });
      if (found.length) choose(0);
    } catch (problem) {
      if (problem.name !== "AbortError") set({ state: "problem", found: [], chosen: 0, at, problem, again: () => identify(latlng, pixel) });
    }
    return undefined;
  }

  function set(next) {
    shown = next;
    if (next.state !== "found") ioc.mapView.highlight(null);
    draw();
  }

  async function choose(index) {
    shown.chosen = index;
    draw();
    const feature = shown.found[index];
    if (!feature.geometry || !feature.record) Object.assign(feature, await whole(feature.layer, feature.id, shown.moment));
    if (shown.found[shown.chosen] !== feature) return;
    ioc.mapView.highlight(feature);
    ioc.tell("chosen", feature);
    draw();
  }

  /** Another feature of the list; where its record cannot be fetched the card says so. */
  async function pick(index) {
    const before = shown;
    try {
      await choose(index);
    } catch (problem) {
      if (shown === before) set({ ...before, state: "problem", found: [], problem, again: () => { set(before); pick(index); } });
    }
  }

  async function whole(layer, id, moment) {
    const answer = await ioc.service.get(`/features/${layer}/items/${id}${moment ? `?at=${encodeURIComponent(moment)}` : ""}`);
    return { title: answer.title, geometry: answer.geometry, record: answer.record, lineage: answer.lineage };
  }

  /** Opens the record of one known feature, as the search does. */
  async function open(layer, id, title, at) {
    set({ state: "found", found: [{ layer, id, title }], chosen: 0, at });
    try {
      await choose(0);
    } catch (problem) {
      set({ state: "problem", found: [], chosen: 0, at, problem, again: () => open(layer, id, title, at) });
    }
  }

  /** Opens a card whose title and record are known already. */
  function show(feature, at) {
    set({ state: "found", found: [feature], chosen: 0, at });
  }

  function close() {
    asking?.abort();
    set({ state: "closed", found: [], chosen: 0, at: null });
  }

  function draw() {
    root().hidden = shown.state === "closed";
    root().dataset.state = shown.state;
    root().setAttribute("aria-label", ioc.text("record"));
    const feature = shown.found[shown.chosen];
    ioc.vehicleTrack.follow(feature);
    if (shown.state === "closed") return root().replaceChildren();
    const layer = feature && ioc.layers.find(feature.layer);
    return root().replaceChildren(
      el("div", { class: "panel-head" },
        el("div", { class: "record-title" },
          el("p", { class: "quiet" }, layer || feature?.live ? ioc.named(layer || feature.layer_title, "title") : shown.state === "problem" ? "" : ioc.text("record"), shown.moment ? ` · ${ioc.text("swipe_then", { time: ioc.clock(shown.moment) })}` : "", layer?.synthetic ? el("span", { class: "tag" }, ioc.text("demo")) : null, ioc.replay.isOn() && (feature?.live || ioc.stationCard.keyOf(feature)) ? el("span", { class: "tag replayed" }, ioc.text("replay")) : null),
          el("h2", {}, feature ? feature.title || feature.id : words())),
        ioc.layerPanel.iconButton("close", ioc.text("record_close"), close, { id: "close-record" })),
      ...(feature ? [shown.found.length > 1 ? list() : null, record(feature)].filter(Boolean) : [shown.problem ? ioc.service.note(shown.problem, shown.again) : el("p", { class: "empty", role: "status" })]),
      lineage(feature) || "",
      foot(feature));
  }

  function words() {
    return ioc.text({ busy: "record_busy", empty: "record_none", problem: "record" }[shown.state]);
  }

  function list() {
    return el("div", { class: "found" },
      el("p", { class: "quiet" }, ioc.text("record_found", { count: shown.found.length })),
      el("ul", { role: "listbox", "aria-label": ioc.text("record") }, shown.found.map((feature, index) => {
        const layer = ioc.layers.find(feature.layer);
        return el("li", { role: "option", "aria-selected": String(index === shown.chosen) },
          el("button", { type: "button", onclick: () => pick(index) },
            ioc.layerPanel.swatch(entryOf(layer, feature)), el("span", {}, feature.title || String(feature.id)),
            el("span", { class: "quiet" }, layer ? ioc.named(layer, "title") : feature.layer)));
      })));
  }

  /** The legend entry of the feature's own class, so that the list shows its colour on the map. */
  function entryOf(layer, feature) {
    const values = new Set((feature.record || []).map((field) => field.value));
    return layer?.legend?.find((entry) => entry.value && values.has(entry.value)) || layer?.legend?.[0];
  }

  function record(feature) {
    if (!feature.record) return el("p", { class: "empty", role: "status" }, ioc.text("record_busy"));
    const filled = feature.record.filter((field) => textOf(field));
    const fields = el("dl", { class: "record" }, filled.map((field) =>
      el("div", { "data-field": field.name }, el("dt", {}, ioc.named(field, "label")),
        el("dd", { class: typeof field.value === "number" ? "figures" : "" }, textOf(field), unitOf(field)))));
    return el("div", { class: "record-body" }, ioc.stationCard.part(feature), ioc.caseAround.head(feature), fields, ioc.vehicleTrack.part(), ioc.caseAround.part(feature), ioc.caseReport.part(feature), ...(feature.live ? [] : [ioc.featureEdit.part(feature), ioc.linked.part(feature)]));
  }

  const textOf = (field) => (ioc.memory.language === "en" && field.text_en) || field.text || "";

  /** The unit, unless the formatted text ends with it already. */
  const unitOf = (field) => (field.unit && !textOf(field).endsWith(field.unit) ? el("span", { class: "unit" }, ` ${field.unit}`) : null);

  /** The file and row the record came from; of a feature drawn by hand there is neither. */
  function lineage(feature) {
    const from = feature?.lineage;
    if (!from) return null;
    const said = { file: from.file, row: from.row, time: ioc.clock(from.loaded_at), version: from.version };
    return el("p", { class: "record-lineage" }, ioc.text(from.row === null ? "lineage_by_hand" : "lineage_of_file", said));
  }

  function foot(feature) {
    if (!shown.at) return "";
    const at = `${shown.at.lon.toFixed(6)}, ${shown.at.lat.toFixed(6)}`;
    const copy = async (event) => {
      await navigator.clipboard?.writeText(at);
      event.target.textContent = ioc.text("copied");
    };
    return el("div", { class: "panel-foot" },
      el("span", { class: "quiet figures" }, at),
      el("button", { type: "button", class: "text-button", onclick: copy }, ioc.text("record_copy")),
      feature?.geometry ? el("button", { type: "button", class: "text-button", onclick: () => ioc.mapView.flyTo(extentOf(feature.geometry)) }, ioc.text("record_zoom")) : null,
      ioc.caseReport.button(shown.at, feature));
  }

  function extentOf(geometry) {
    const numbers = geometry.coordinates.flat(Infinity);
    const lons = numbers.filter((_, index) => index % 2 === 0);
    const lats = numbers.filter((_, index) => index % 2 === 1);
    const bbox = [Math.min(...lons), Math.min(...lats), Math.max(...lons), Math.max(...lats)];
    return { bbox, lon: bbox[0], lat: bbox[1], zoom: 19 };
  }

  /** Opens what happens now at a place; a side that shows an earlier moment has none of it. */
  const clickLive = ({ latlng, containerPoint }) => !ioc.mapSwipe.sideOf(containerPoint.x).at && ioc.liveCard.click(latlng);

  function start() {
    ioc.leaflet.on("click", (event) => ioc.drawing.active() || clickLive(event) || identify(event.latlng, event.containerPoint));
    ioc.leaflet.getContainer().addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.target !== event.currentTarget || ioc.drawing.active()) return;
      identify(ioc.leaflet.getCenter(), ioc.leaflet.getSize().divideBy(2));
    });
    ioc.on("language", draw);
    ioc.on("layers", draw);
  }

  /** The feature whose record is open. */
  const chosen = () => (shown.state === "found" ? shown.found[shown.chosen] : null);

  /** Where on the map the card was opened. */
  const place = () => shown.at;

  ioc.recordCard = { start, open, show, close, redraw: draw, identify, chosen, place };
})();
