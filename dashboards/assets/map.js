/* The map: Leaflet from dash-leaflet, MapLibre GL inside it, redraw policy, recovery of failed tiles, highlight. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const NEVER = 2147483647; // milliseconds, the longest timer a browser takes
  const RETRY_SECONDS = 5;
  const SYMBOL_PIXELS = 48;
  const ROOM_TO_PAN = 0.25; // of the view, on every side
  const UNFINISHED_PICTURE_MS = 1000;
  const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

  let leaflet = null;
  let layer = null;
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

  /** The name of what draws: tells a graphics card from software rendering. Empty without WebGL. */
  function renderer() {
    const canvas = document.createElement("canvas");
    const context = canvas.getContext("webgl2") || canvas.getContext("webgl");
    if (!context) return "";
    const extension = context.getExtension("WEBGL_debug_renderer_info");
    const name = context.getParameter(extension ? extension.UNMASKED_RENDERER_WEBGL : context.RENDERER);
    context.getExtension("WEBGL_lose_context")?.loseContext();
    return name || "WebGL";
  }

  /** A GL layer that leaves its picture to CSS while the map moves, and draws it anew when it rests. */
  function restingLayer(options) {
    const Resting = window.L.MaplibreGL.extend({
      _update(event) {
        if (this._map && !this._zooming) {
          // Drawing before the container moves: both reach the screen in one frame, nothing jumps.
          this._transformGL(this._glMap);
          this._glMap.redraw();
        }
        window.L.MaplibreGL.prototype._update.call(this, event);
      },
    });
    // The first picture is of what is in view; the room to pan in is drawn around it afterwards.
    const resting = new Resting({ ...options, updateInterval: NEVER, padding: 0 });
    const update = () => resting._update();
    resting.on("add", () => {
      leaflet.on("moveend", update);
      resting.getMaplibreMap().once("idle", () => {
        resting.options.padding = ROOM_TO_PAN;
        if (resting._map) resting._resize();
      });
    });
    resting.on("remove", () => leaflet.off("moveend", update));
    return resting;
  }

  /** Draws an unfinished map only now and then: in software, every such picture keeps the tiles waiting for it. */
  function drawSparingly(map) {
    const draw = map.triggerRepaint.bind(map);
    let drawn = -Infinity;
    let timer = null;
    map.on("render", () => (drawn = performance.now()));
    const decide = () => {
      timer = null;
      const rest = drawn + UNFINISHED_PICTURE_MS - performance.now();
      if (map.areTilesLoaded() || rest <= 0) draw();
      else timer = setTimeout(decide, rest);
    };
    map.triggerRepaint = () => {
      if (timer && !map.areTilesLoaded()) return;
      clearTimeout(timer);
      timer = setTimeout(decide, 0);
    };
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
    const drawnBy = renderer();
    if (!drawnBy) return fail("map_no_webgl");
    if (!window.maplibregl || !window.L.MaplibreGL) return fail("map_libraries_missing");
    const software = SOFTWARE.test(drawnBy);
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
      const made = software ? restingLayer({ ...options, ...more }) : new window.L.MaplibreGL({ ...options, padding: 0.1, ...more });
      made.addTo(leaflet);
      made.getMaplibreMap().on("styleimagemissing", (event) => addSymbol(event.id, made.getMaplibreMap()));
      return made;
    };
    layer = software ? restingLayer(options) : new window.L.MaplibreGL({ ...options, padding: 0.1 });
    layer.addTo(leaflet);
    gl = ioc.map = layer.getMaplibreMap();
    if (software) drawSparingly(gl);
    listen();
    return gl;
  }

  function fail(key) {
    setState("failed");
    ioc.banner.show(key, "bad");
    return null;
  }

  /** The map is one thing to a screen reader: its own canvas says nothing more. */
  function label() {
    const node = leaflet.getContainer();
    node.setAttribute("role", "application");
    node.setAttribute("aria-label", ioc.text("map_label"));
    const canvas = gl.getCanvas();
    for (const name of ["role", "aria-label", "tabindex"]) canvas.removeAttribute(name);
    canvas.setAttribute("aria-hidden", "true");
  }

  function listen() {
    label();
    ioc.on("language", label);
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
    gl.on("webglcontextrestored", () => gl.redraw());
  }

  /** Draws "name:colour" from the symbol's SVG, at twice the size so that it stays crisp. */
  function addSymbol(id, map = gl) {
    const [name, colour] = id.split(":");
    const svg = ioc.page.symbols[name];
    if (!svg || map.hasImage(id)) return;
    const blank = { width: SYMBOL_PIXELS, height: SYMBOL_PIXELS, data: new Uint8Array(SYMBOL_PIXELS ** 2 * 4) };
    map.addImage(id, blank, { pixelRatio: 2 });
    const image = new Image(SYMBOL_PIXELS, SYMBOL_PIXELS);
    image.onload = () => {
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = SYMBOL_PIXELS;
      const context = canvas.getContext("2d");
      context.drawImage(image, 2, 2, SYMBOL_PIXELS - 4, SYMBOL_PIXELS - 4);
      if (map.hasImage(id)) map.updateImage(id, context.getImageData(0, 0, SYMBOL_PIXELS, SYMBOL_PIXELS));
    };
    const sized = svg.replace("<svg ", `<svg width="${SYMBOL_PIXELS}" height="${SYMBOL_PIXELS}" `);
    image.src = `data:image/svg+xml,${encodeURIComponent(sized.replaceAll("currentColor", colour))}`;
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

  ioc.mapView = { start, another: (more) => another(more), refresh, highlight, flyTo, tileZoom, clearPart };

  /** Where the map looks: kept in the address (#zoom/lat/lon) so that a link shows the same place. */
  ioc.view = {
    restore(layers) {
      const [zoom, lat, lon] = location.hash.slice(1).split("/").map(Number);
      if (Number.isFinite(zoom) && Number.isFinite(lat) && Number.isFinite(lon)) leaflet.setView([lat, lon], zoom, { animate: false });
      else this.home(layers, { animate: false });
      leaflet.on("moveend", () => {
        const { lat: north, lng: east } = leaflet.getCenter();
        history.replaceState(null, "", `#${leaflet.getZoom()}/${north.toFixed(5)}/${east.toFixed(5)}`);
      });
    },
    home(layers, options) {
      const whole = layers.find((entry) => entry.id === "district") || layers.find((entry) => entry.extent);
      const [west, south, east, north] = whole?.extent || ioc.page.settings.extent;
      leaflet.fitBounds([[south, west], [north, east]], { ...clearPart(), ...options });
    },
  };
})();
