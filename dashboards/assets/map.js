/* The map: Leaflet from dash-leaflet, MapLibre GL inside it, symbols, recovery of failed tiles, highlight. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const RETRY_SECONDS = 5;
  const SYMBOL_PIXELS = 48;
  const SYMBOL_RATIO = 2; // of its pixels to those of the page

  let leaflet = null;
  let gl = null;
  let another = null; // makes a second map over the first
  let leafletReady;
  let firstComplete;
  const leafletCreated = new Promise((resolve) => (leafletReady = resolve));
  ioc.ready = new Promise((resolve) => (firstComplete = resolve));

  if (window.L) {
    window.L.Map.addInitHook(function () {
      leaflet = ioc.leaflet = this;
      leafletReady(this);
    });
  }

  /**
   * MapLibre's glyph painter (tiny-sdf 2.3.0) takes the left bearing with the wrong sign and cuts off characters
   * that begin far right in their square, such as （ and 《. Its canvases are small squares: no other is touched.
   */
  function mendGlyphs() {
    const LARGEST = 96;
    const prototype = (window.OffscreenCanvasRenderingContext2D || CanvasRenderingContext2D).prototype;
    const measure = prototype.measureText;
    prototype.measureText = function (text) {
      const found = measure.call(this, text);
      if (this.canvas.width !== this.canvas.height || this.canvas.width > LARGEST) return found;
      const { width, actualBoundingBoxAscent, actualBoundingBoxDescent, actualBoundingBoxLeft, actualBoundingBoxRight } = found;
      return { width, actualBoundingBoxAscent, actualBoundingBoxDescent, actualBoundingBoxLeft: -actualBoundingBoxLeft, actualBoundingBoxRight };
    };
  }

  function setState(state) {
    document.body.dataset.mapState = state;
  }

  async function start(layers) {
    await leafletCreated;
    const drawnBy = ioc.glLayer.renderer();
    if (!drawnBy) return fail("map_no_webgl");
    if (!window.maplibregl || !window.L.MaplibreGL) return fail("map_libraries_missing");
    const software = ioc.glLayer.isSoftware(drawnBy);
    mendGlyphs();
    document.body.dataset.rendering = software ? "software" : "gpu";
    ioc.view.restore(layers);
    const options = {
      style: ioc.mapStyle.assemble(layers),
      interactive: false,
      fadeDuration: 0,
      refreshExpiredTiles: false,
      maxTileCacheZoomLevels: 8,
      pixelRatio: software ? 1 : undefined,
      localIdeographFontFamily: ioc.token("font").join(","),
    };
    another = (more) => {
      const made = ioc.glLayer.addTo(leaflet, { ...options, ...more }, software);
      made.getMaplibreMap().on("styleimagemissing", (event) => addSymbol(event.id, made.getMaplibreMap()));
      return made;
    };
    gl = ioc.map = ioc.glLayer.addTo(leaflet, options, software).getMaplibreMap();
    listen();
    return gl;
  }

  function fail(key) {
    setState("failed");
    ioc.banner.show(key, "bad");
    return null;
  }

  /** The map is one thing to a screen reader. */
  function label() {
    const node = leaflet.getContainer();
    node.setAttribute("role", "application");
    node.setAttribute("aria-label", ioc.text("map_label"));
  }

  function listen() {
    label();
    ioc.on("language", label);
    for (const [event, input] of [["keydown", "keys"], ["pointerdown", "pointer"]]) document.addEventListener(event, () => (document.body.dataset.input = input), true);
    setState("loading");
    gl.on("styleimagemissing", (event) => addSymbol(event.id));
    gl.on("dataloading", () => setState("loading"));
    gl.on("idle", () => {
      setState("complete");
      firstComplete(gl);
      if (!failed.size) ioc.banner.clear("problem_tiles");
    });
    gl.on("error", onError);
    gl.on("webglcontextlost", () => setState("loading"));
  }

  /** Draws "name:colour" from the symbol's SVG, at twice the size so that it stays crisp; null: there is none. */
  async function drawSymbol(id) {
    const [name, colour] = id.split(":");
    const svg = ioc.page.symbols[name];
    if (!svg) return null;
    const image = new Image(SYMBOL_PIXELS, SYMBOL_PIXELS);
    const sized = svg.replace("<svg ", `<svg width="${SYMBOL_PIXELS}" height="${SYMBOL_PIXELS}" `);
    image.src = `data:image/svg+xml,${encodeURIComponent(sized.replaceAll("currentColor", colour))}`;
    await new Promise((resolve) => (image.onload = resolve));
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = SYMBOL_PIXELS;
    canvas.getContext("2d").drawImage(image, 2, 2, SYMBOL_PIXELS - 4, SYMBOL_PIXELS - 4);
    return canvas;
  }

  async function addSymbol(id, map = gl) {
    if (!ioc.page.symbols[id.split(":")[0]] || map.hasImage(id)) return;
    const blank = { width: SYMBOL_PIXELS, height: SYMBOL_PIXELS, data: new Uint8Array(SYMBOL_PIXELS ** 2 * 4) };
    map.addImage(id, blank, { pixelRatio: SYMBOL_RATIO });
    const drawn = (await drawSymbol(id)).getContext("2d");
    if (map.hasImage(id)) map.updateImage(id, drawn.getImageData(0, 0, SYMBOL_PIXELS, SYMBOL_PIXELS));
  }

  const failed = new Set();
  let retry = null;

  function onError(event) {
    if (event.error?.status === 401) return ioc.service.goToSignIn();
    if (!event.sourceId) return console.error(event.error);
    failed.add(event.sourceId);
    ioc.banner.show("problem_tiles", "warn");
    if (!retry) retry = setTimeout(reloadFailed, RETRY_SECONDS * 1000);
    return undefined;
  }

  function reloadFailed() {
    retry = null;
    const sources = [...failed];
    failed.clear();
    for (const id of sources) {
      const source = gl.getSource(id);
      if (source?.setTiles) source.setTiles(source.tiles);
    }
  }

  /** Brings the map in line with the catalogue, the theme and the switches; unchanged tiles are kept. */
  function refresh(layers) {
    gl?.setStyle(ioc.mapStyle.assemble(ioc.mapSwipe.leftLayers(layers), highlighted), { diff: true });
  }

  let highlighted = null;

  function highlight(feature) {
    if (!feature && !highlighted) return;
    highlighted = feature && { type: "Feature", properties: {}, geometry: feature.geometry };
    refresh(ioc.layers.all());
  }

  /** Space that panels cover, so that what is flown to ends up in the clear part of the map. */
  function clearPart() {
    const wide = (id) => {
      const node = document.getElementById(id);
      return node && !node.hidden && node.dataset.open !== "false" ? node.offsetWidth + 24 : 24;
    };
    const left = Math.max(wide("layer-panel"), document.getElementById("query-panel").getBoundingClientRect().right + 12);
    return { paddingTopLeft: [left, 72], paddingBottomRight: [wide("record-card"), 52] };
  }

  function flyTo(target) {
    if (target.bbox && target.bbox[2] > target.bbox[0]) {
      const [west, south, east, north] = target.bbox;
      leaflet.fitBounds([[south, west], [north, east]], { ...clearPart(), maxZoom: 19 });
    } else {
      leaflet.setView([target.lat, target.lon], Math.max(leaflet.getZoom(), target.zoom || 18));
    }
  }

  /** Zoom as tiles count it: Leaflet's is one more, because its tiles are half as wide. */
  const tileZoom = () => leaflet.getZoom() - 1;

  ioc.mapView = { start, another: (more) => another(more), refresh, highlight, flyTo, tileZoom, clearPart, drawSymbol, SYMBOL_RATIO };

  /** Where the map looks: kept in the address (#zoom/lat/lon) so that a link shows the same place. */
  ioc.view = {
    restore(layers) {
      const [zoom, lat, lon] = location.hash.slice(1).split("/").map(Number);
      if (Number.isFinite(zoom) && Number.isFinite(lat) && Number.isFinite(lon)) leaflet.setView([lat, lon], zoom, { animate: false });
      else this.home(layers, { animate: false });
      leaflet.on("moveend", this.write);
    },
    write() {
      const { lat, lng: lon } = leaflet.getCenter();
      history.replaceState(null, "", `#${leaflet.getZoom()}/${lat.toFixed(5)}/${lon.toFixed(5)}${ioc.replayLink.mark()}`);
    },
    home(layers, options) {
      const whole = layers.find((entry) => entry.id === "district") || layers.find((entry) => entry.extent);
      const [west, south, east, north] = whole?.extent || ioc.page.settings.extent;
      leaflet.fitBounds([[south, west], [north, east]], { ...clearPart(), ...options });
    },
  };
})();
