/* The GL map inside Leaflet: what it draws, and when, where a graphics card is at work and where there is none. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const NEVER = 2147483647; // milliseconds, the longest timer a browser takes
  const ROOM_TO_PAN = 0.25; // of the view, on every side
  const LITTLE_ROOM = 0.1;
  const UNFINISHED_PICTURE_MS = 1000;
  const MOST_PLACEMENTS = 4;
  const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

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

  const isSoftware = (name) => SOFTWARE.test(name);

  /** A GL layer that leaves its picture to CSS while the map moves, and draws it anew, once, when it rests. */
  function restingLayer(options) {
    const whole = window.L.MaplibreGL.prototype;
    const Resting = window.L.MaplibreGL.extend({
      _asked() {
        const { lat, lng } = this._map.getCenter();
        const { x, y } = this.getSize();
        return [this._map.getZoom(), lat, lng, x, y].join();
      },
      _transformGL(map) {
        if (this._asked() === this._shown) return;
        this._shown = this._asked();
        whole._transformGL.call(this, map);
      },
      _update(event) {
        if (!this._map) return;
        const moved = !this._zooming && this._asked() !== this._shown;
        whole._update.call(this, event);
        // In the same task: the moved container and its new picture reach the screen in one frame, nothing jumps.
        if (moved) this._glMap.redraw();
      },
      _transitionEnd(event) {
        if (this._map && this._asked() !== this._shown) whole._transitionEnd.call(this, event);
      },
    });
    // The first picture is of what is in view; the room to pan in is drawn around it afterwards.
    const resting = new Resting({ ...options, updateInterval: NEVER, padding: 0 });
    const update = () => resting._update();
    resting.on("add", () => {
      const leaflet = resting._map;
      leaflet.on("moveend", update);
      resting.on("remove", () => leaflet.off("moveend", update));
      resting.getMaplibreMap().once("idle", () => {
        resting.options.padding = ROOM_TO_PAN;
        if (resting._map) resting._resize();
      });
    });
    return resting;
  }

  /** Draws an unfinished map only now and then: in software, every such picture keeps the tiles waiting for it. */
  function drawSparingly(map) {
    const draw = map.triggerRepaint.bind(map);
    let drawn = -Infinity;
    let timer = null;
    map.on("render", () => {
      drawn = performance.now();
      clearTimeout(timer); // what was asked for before has just been drawn
      timer = null;
    });
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

  /** Places symbols until they stand, then paints: MapLibre paints the whole picture after every attempt. */
  function placeAtOnce(map) {
    const place = map.style._updatePlacement;
    map.style._updatePlacement = function (...asked) {
      let again = place.apply(this, asked);
      for (let more = 1; again && more < MOST_PLACEMENTS; more += 1) again = place.apply(this, asked);
      return again;
    };
  }

  /**
   * Leaves out what MapLibre 5 paints over the whole picture for the sake of tilted views and globes: the sky,
   * the second outline of every tile, and outlines drawn anew for a source whose tiles are those of the one before.
   * In software that is two thirds of a picture's work.
   */
  function paintFlat(map) {
    const painter = map.painter;
    painter.drawFunctions = { ...painter.drawFunctions, sky() {} };
    const outlineTiles = painter._renderTileMasks;
    painter._renderTileMasks = function (marks, tiles, toTexture, withBorder) {
      if (!withBorder) outlineTiles.call(this, marks, tiles, toTexture, withBorder);
    };
    const outline = painter._renderTileClippingMasks;
    painter._renderTileClippingMasks = function (layer, tiles, toTexture) {
      const marks = this._tileClippingMaskIDs || {};
      const areOutlined = this.currentStencilSource !== undefined && tiles?.length === Object.keys(marks).length && tiles.every((tile) => tile.key in marks);
      if (areOutlined && layer.isTileClipped()) this.currentStencilSource = layer.source;
      else outline.call(this, layer, tiles, toTexture);
    };
  }

  /** To a screen reader the Leaflet map speaks for all the canvases in it: MapLibre's says "Map" in English. */
  function silence(canvas) {
    for (const name of ["role", "aria-label", "tabindex"]) canvas.removeAttribute(name);
    canvas.setAttribute("aria-hidden", "true");
  }

  /** A GL layer on the Leaflet map. */
  function addTo(leaflet, options, software) {
    const layer = software ? restingLayer(options) : new window.L.MaplibreGL({ ...options, padding: LITTLE_ROOM });
    layer.addTo(leaflet);
    const map = layer.getMaplibreMap();
    if (software) {
      drawSparingly(map);
      placeAtOnce(map);
    }
    silence(map.getCanvas());
    paintFlat(map);
    // The painter is another one after the loss of the graphics context.
    map.on("webglcontextrestored", () => {
      paintFlat(map);
      map.redraw();
    });
    return layer;
  }

  ioc.glLayer = { renderer, isSoftware, addTo };
})();
