/* The canvas of what happens now, over the map: a picture of a few thousand marks takes it some milliseconds. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const ROOM_TO_PAN = 0.25; // of the view, on every side
  const LINE = 1.2; // height of a line of text, of its size
  const DIGITS = /\d/g;

  const widths = new Map(); // of texts with every digit a 0: digits are equally wide
  const images = new Map();

  /** The Leaflet layer; `draw` is called when the view is another one. */
  function create(pane, draw) {
    const Canvas = window.L.Renderer.extend({
      options: { pane, padding: ROOM_TO_PAN },
      _initContainer() {
        this._container = document.createElement("canvas");
        this._container.setAttribute("aria-hidden", "true");
        this.pen = this._container.getContext("2d");
      },
      _destroyContainer() {
        this._container.remove();
      },
      _update() {
        if (this._map._animatingZoom && this._bounds) return;
        window.L.Renderer.prototype._update.call(this);
        const { x, y } = this._bounds.getSize();
        this.scale = document.body.dataset.rendering === "software" ? 1 : window.devicePixelRatio;
        Object.assign(this._container, { width: x * this.scale, height: y * this.scale });
        Object.assign(this._container.style, { width: `${x}px`, height: `${y}px` });
        window.L.DomUtil.setPosition(this._container, this._bounds.min);
        draw();
      },
      /** Where the picture begins, in pixels of the whole world. */
      origin() {
        return this._map.getPixelOrigin().add(this._bounds.min);
      },
      size() {
        return this._bounds.getSize();
      },
      canvas() {
        return this._container;
      },
      paint(sheets) {
        paint(this.pen, this.size(), this.scale, sheets);
      },
    });
    return new Canvas();
  }

  /** `sheets`, the lowest first: of each layer the marks in the picture, with `x` and `y` in it. */
  function paint(pen, size, scale, sheets) {
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, size.x, size.y);
    placeTexts(pen, sheets);
    for (const marks of sheets) {
      for (let part = 0; part < (marks[0]?.parts.length || 0); part += 1) {
        for (const mark of marks) {
          const look = mark.parts[part];
          if (look) drawPart(pen, mark, look, part);
        }
      }
    }
  }

  function drawPart(pen, mark, look, part) {
    if (look.radius !== undefined) drawCircle(pen, mark, look);
    else {
      if (look.icon?.image) drawIcon(pen, mark, look.icon);
      if (mark.written[part]) drawText(pen, look.text, mark.written[part]);
    }
  }

  function drawCircle(pen, { x, y }, look) {
    pen.beginPath();
    pen.arc(x, y, look.radius, 0, 2 * Math.PI);
    pen.globalAlpha = look.opacity;
    pen.fillStyle = look.color;
    pen.fill();
    pen.globalAlpha = 1;
    if (!look["stroke-width"]) return;
    pen.lineWidth = look["stroke-width"];
    pen.strokeStyle = look["stroke-color"];
    pen.beginPath();
    pen.arc(x, y, look.radius + look["stroke-width"] / 2, 0, 2 * Math.PI);
    pen.stroke();
  }

  function drawIcon(pen, { x, y }, { image: id, size, rotate }) {
    const image = imageOf(id);
    if (!image) return;
    const wide = (image.width / ioc.mapView.SYMBOL_RATIO) * size;
    pen.save();
    pen.translate(x, y);
    pen.rotate((rotate * Math.PI) / 180);
    pen.drawImage(image, -wide / 2, -wide / 2, wide, wide);
    pen.restore();
  }

  /** The picture of a symbol; null until it is drawn. */
  function imageOf(id) {
    if (!images.has(id)) {
      images.set(id, null);
      ioc.mapView.drawSymbol(id).then((image) => {
        images.set(id, image);
        ioc.tell("live-symbol");
      });
    }
    return images.get(id);
  }

  const fontOf = (text) => `${text.weight} ${text.size}px ${ioc.token("font").map((name) => `"${name}"`).join(",")}, sans-serif`;

  function widthOf(pen, font, text) {
    const key = `${font}/${text.replace(DIGITS, "0")}`;
    if (!widths.has(key)) {
      pen.font = font;
      widths.set(key, pen.measureText(text.replace(DIGITS, "0")).width);
    }
    return widths.get(key);
  }

  /** Texts where there is room, those of upper layers and the more urgent first. */
  function placeTexts(pen, sheets) {
    const taken = [];
    for (const marks of [...sheets].reverse()) {
      for (const mark of marks) mark.written = [];
      for (let part = (marks[0]?.parts.length || 0) - 1; part >= 0; part -= 1) {
        const written = marks.filter(({ parts }) => parts[part]?.text?.field);
        written.sort((one, other) => one.parts[part].text.order - other.parts[part].text.order);
        for (const mark of written) {
          const box = boxOf(pen, mark, mark.parts[part].text);
          if (!mark.parts[part].text["allow-overlap"] && taken.some((other) => overlap(box, other))) continue;
          taken.push(box);
          mark.written[part] = box;
        }
      }
    }
  }

  const overlap = (one, other) => one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;

  function boxOf(pen, { x, y }, text) {
    const font = fontOf(text);
    const [width, height] = [widthOf(pen, font, String(text.field)), text.size * LINE];
    const [right, down] = text.offset.map((part) => part * text.size);
    const left = x + right - (text.anchor === "left" ? 0 : width / 2);
    const top = y + down - (text.anchor === "top" ? 0 : height / 2);
    return { font, left, top, right: left + width, bottom: top + height };
  }

  function drawText(pen, text, { font, left, top, bottom }) {
    pen.font = font;
    pen.textBaseline = "middle";
    const middle = (top + bottom) / 2;
    if (text["halo-width"]) {
      pen.lineJoin = "round";
      pen.lineWidth = 2 * text["halo-width"];
      pen.strokeStyle = text["halo-color"];
      pen.strokeText(text.field, left, middle);
    }
    pen.fillStyle = text.color;
    pen.fillText(text.field, left, middle);
  }

  ioc.liveCanvas = { create };
})();
