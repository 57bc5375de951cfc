/* The bottom bar: scale bar, 1:n, coordinates under the cursor, review number, demo label; and the zoom buttons. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const WIDEST_BAR = 110; // pixels
  let cursor = null;
  let sexagesimal = false;

  function build() {
    const { review_number: number, synthetic } = ioc.page.settings;
    document.getElementById("status-bar").replaceChildren(
      el("div", { class: "status-scale" },
        el("span", { id: "scale-bar", "aria-hidden": "true" }, el("i", {}), el("b", { class: "figures" })),
        el("span", { id: "scale-number", class: "figures", title: ioc.text("scale") })),
      el("button", { type: "button", class: "status-coordinates figures", id: "cursor-coordinates", title: ioc.text("coordinates_toggle"), onclick: toggleDegrees }),
      el("div", { class: "status-right" },
        synthetic ? el("span", { class: "tag", title: ioc.text("demo_long") }, ioc.text("demo")) : null,
        el("span", { id: "review-number" }, number ? ioc.text("review", { number }) : ioc.text("no_review"))));
    drawScale();
    drawCursor();
  }

  function drawScale() {
    const lat = ioc.leaflet.getCenter().lat;
    const zoom = ioc.leaflet.getZoom();
    const bar = ioc.coordinates.scaleBar(lat, zoom, WIDEST_BAR);
    document.querySelector("#scale-bar i").style.width = `${bar.pixels}px`;
    document.querySelector("#scale-bar b").textContent = bar.metres >= 1000 ? `${bar.metres / 1000} km` : `${bar.metres} m`;
    document.getElementById("scale-number").textContent = `1:${rounded(ioc.coordinates.scaleNumber(lat, zoom)).toLocaleString("en-US")}`;
  }

  /** Three significant digits say all that a screen of unknown density can. */
  const rounded = (number) => Number(number.toPrecision(3));

  function toggleDegrees() {
    sexagesimal = !sexagesimal;
    drawCursor();
  }

  /** Degrees as a decimal number, or as degrees, minutes and seconds to 3 cm. */
  const degreesText = (degrees) => (sexagesimal ? ioc.coordinates.degreesMinutesSeconds(degrees) : `${degrees.toFixed(6)}°`);

  function drawCursor() {
    const node = document.getElementById("cursor-coordinates");
    const { lng: lon, lat } = cursor || ioc.leaflet.getCenter();
    const { meridian, zone_crs: zone } = ioc.page.settings;
    const { north, east } = ioc.coordinates.gaussKruger(lon, lat, meridian);
    Object.assign(node.dataset, { lon, lat, north, east });
    node.replaceChildren(
      el("span", { class: "frame" }, "CGCS2000"),
      el("span", {}, `${degreesText(lon)}${ioc.text("east")}`), el("span", {}, `${degreesText(lat)}${ioc.text("north")}`),
      el("span", { class: "frame", title: ioc.text("zone", { meridian }) }, zone),
      el("span", {}, `X ${north.toFixed(2)}`), el("span", {}, `Y ${east.toFixed(2)} m`));
  }

  function buildButtons() {
    const button = (icon, key, act) => ioc.layerPanel.iconButton(icon, ioc.text(key), act);
    document.getElementById("map-buttons").replaceChildren(
      button("plus", "zoom_in", () => ioc.leaflet.zoomIn()),
      button("minus", "zoom_out", () => ioc.leaflet.zoomOut()),
      button("home", "home", () => ioc.view.home(ioc.layers.all())));
  }

  function start() {
    build();
    buildButtons();
    ioc.on("language", () => {
      build();
      buildButtons();
    });
    ioc.leaflet.on("mousemove", (event) => {
      cursor = event.latlng;
      drawCursor();
    });
    ioc.leaflet.on("mouseout", () => (cursor = null));
    ioc.leaflet.on("zoomend moveend", () => {
      drawScale();
      if (!cursor) drawCursor();
    });
  }

  ioc.statusBar = { start };
})();
