/* 网格质检: asks the server where unit grids break a rule, draws the places on the map and lists the reasons. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const ROLES = ["staff", "planner", "steward", "admin"];
  const LINES = 300;
  const CLOSEST = 19;

  let allowed = false;
  let shown = false;
  let busy = false;
  let problem = "";
  let found = null;
  let rule = null;
  let chosen = null;
  let drawn = null;
  let panel = null;

  const colour = (feature) => ioc.token(feature.properties.severity === "error" ? "bad" : "warn");
  const figure = (number) => number.toLocaleString("en-US", { maximumFractionDigits: 1 });
  const listed = () => found.features.filter((feature) => !rule || feature.properties.rule === rule);

  /** The button under the layers of areas and grids; null for who may not check and for other groups. */
  function tool(layers) {
    if (!allowed || !layers.some((layer) => layer.id === "unit_grid")) return null;
    return el("div", { class: "grid-check-tool" },
      el("button", { type: "button", id: "check-grids", class: "text-button", "aria-expanded": String(shown), onclick: () => (shown ? close() : open()) }, ioc.text("grid_check")));
  }

  async function open() {
    shown = true;
    await check();
  }

  function close() {
    shown = false;
    found = chosen = rule = null;
    draw();
  }

  async function check() {
    if (busy) return;
    busy = true;
    found = chosen = rule = null;
    problem = "";
    draw();
    try {
      found = await ioc.service.get("/unit-grids/violations");
    } catch (failure) {
      problem = failure.message;
    }
    busy = false;
    if (!shown) found = null;
    draw();
  }

  function draw() {
    drawPlaces();
    const button = document.getElementById("check-grids");
    button?.setAttribute("aria-expanded", String(shown));
    panel.hidden = !shown;
    if (!shown) return;
    const scroll = panel.querySelector(".grid-violations")?.scrollTop || 0;
    panel.setAttribute("aria-label", ioc.text("grid_check"));
    panel.replaceChildren(
      el("div", { class: "panel-head" }, el("h2", {}, ioc.text("grid_check")),
        ioc.layerPanel.iconButton("close", ioc.text("grid_check_close"), close, { id: "close-grid-check" })),
      el("p", { class: "grid-summary", role: "status" }, summary()),
      ...(found ? [rules(), list(), foot()] : []));
    const lines = panel.querySelector(".grid-violations");
    if (lines) lines.scrollTop = scroll;
  }

  function summary() {
    if (busy) return ioc.text("grid_check_busy");
    if (problem) return problem;
    const { grids, communities, errors, warnings } = found.summary;
    const key = errors + warnings ? "grid_check_found" : "grid_check_sound";
    return ioc.text(key, { grids: figure(grids), communities, errors: figure(errors), warnings: figure(warnings) });
  }

  /** A switch for each rule that is broken, with how often. */
  function rules() {
    const first = (name) => found.features.find((feature) => feature.properties.rule === name);
    return el("div", { class: "grid-rules", role: "group" }, Object.entries(found.summary.by_rule).map(([name, count]) =>
      el("button", { type: "button", class: "text-button", "data-rule": name, "aria-pressed": String(rule === name), onclick: () => { rule = rule === name ? null : name; draw(); } },
        el("i", { style: `background:${colour(first(name))}` }), ioc.named(first(name).properties, "rule"), el("b", { class: "figures" }, figure(count)))));
  }

  function list() {
    const features = listed();
    const lines = features.slice(0, LINES).map((feature) =>
      el("li", {}, el("button", { type: "button", "aria-pressed": String(feature === chosen), onclick: () => choose(feature, true) },
        el("i", { style: `background:${colour(feature)}` }),
        el("span", {}, el("b", {}, ioc.named(feature.properties, "rule")), ioc.named(feature.properties, "reason")))));
    if (features.length > LINES) lines.push(el("li", { class: "empty" }, ioc.text("grid_check_first", { count: LINES })));
    return el("ul", { class: "grid-violations" }, lines);
  }

  function foot() {
    const { slivers, sliver_area_m2: area, sliver_width_m: width } = found.summary;
    const count = Object.values(slivers).reduce((sum, one) => sum + one, 0);
    return el("div", { class: "panel-foot" },
      el("span", { class: "quiet" }, count ? ioc.text("grid_check_slivers", { count: figure(count), area, width }) : ""),
      el("button", { type: "button", class: "text-button", id: "check-grids-again", onclick: check }, ioc.text("grid_check_again")));
  }

  const style = (feature) => ({
    color: colour(feature),
    weight: feature === chosen ? 4 : 2,
    fillColor: colour(feature),
    fillOpacity: feature === chosen ? 0.45 : 0.28,
  });

  function drawPlaces() {
    drawn?.remove();
    drawn = null;
    if (!shown || !found) return;
    const features = listed().filter((feature) => feature.geometry);
    drawn = window.L.geoJSON({ type: "FeatureCollection", features }, {
      style,
      bubblingMouseEvents: false,
      onEachFeature: (feature, place) => place.on("click", () => choose(feature, false)),
    }).addTo(ioc.leaflet);
  }

  /** Marks a violation in the list and on the map, and shows it closely if asked to. */
  function choose(feature, closely) {
    chosen = feature;
    draw();
    panel.querySelector(".grid-violations [aria-pressed=true]")?.scrollIntoView({ block: "nearest" });
    if (!closely || !feature.geometry) return;
    const left = panel.getBoundingClientRect().right + 24;
    ioc.leaflet.fitBounds(window.L.geoJSON(feature).getBounds(), { paddingTopLeft: [left, 72], paddingBottomRight: [48, 72], maxZoom: CLOSEST });
  }

  async function start() {
    panel = el("aside", { id: "grid-check", hidden: true });
    document.body.append(panel);
    ioc.on("language", draw);
    ioc.on("theme", draw);
    const { roles } = await ioc.service.getAtLast("/whoami");
    allowed = roles.some((role) => ROLES.includes(role));
    ioc.tell("layers", ioc.layers.all());
  }

  ioc.gridCheck = { start, tool };
})();
