/* A picture of the map as it is seen: with title, scale bar, date, review number and the stamp of demo data. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const MARGIN = 14;
  const HEAD = 40;
  const FOOT = 30;
  const BAR = 140; // pixels, the longest scale bar

  /** A map's canvas in one frame with its drawing: WebGL forgets what it drew once the frame is over. */
  function drawnCanvas(map) {
    return new Promise((resolve) => {
      map.once("render", () => {
        const source = map.getCanvas();
        const copy = document.createElement("canvas");
        copy.width = source.width;
        copy.height = source.height;
        copy.getContext("2d").drawImage(source, 0, 0);
        resolve({ copy, frame: source.getBoundingClientRect() });
      });
      map.triggerRepaint();
    });
  }

  /** The ground, and what happens now over it. */
  async function drawnCanvases() {
    const live = ioc.liveMap.canvas();
    return [await drawnCanvas(ioc.map), ...(live ? [{ copy: live, frame: live.getBoundingClientRect() }] : [])];
  }

  async function canvas() {
    const drawn = await drawnCanvases();
    const view = ioc.leaflet.getContainer().getBoundingClientRect();
    const scale = drawn[0].copy.width / drawn[0].frame.width;
    const picture = document.createElement("canvas");
    picture.width = Math.round(view.width * scale);
    picture.height = Math.round((view.height + HEAD + FOOT) * scale);
    const pen = picture.getContext("2d");
    pen.scale(scale, scale);
    pen.fillStyle = ioc.token("panel");
    pen.fillRect(0, 0, view.width, view.height + HEAD + FOOT);
    pen.save();
    pen.beginPath();
    pen.rect(0, HEAD, view.width, view.height);
    pen.clip();
    for (const { copy, frame } of drawn) pen.drawImage(copy, frame.x - view.x, frame.y - view.y + HEAD, frame.width, frame.height);
    pen.restore();
    head(pen, view.width);
    foot(pen, view.width, view.height + HEAD);
    return picture;
  }

  function write(pen, text, x, y, size, colour, align = "left") {
    pen.font = `${size}px ${ioc.token("font").map((name) => `"${name}"`).join(",")}, sans-serif`;
    pen.fillStyle = ioc.token(colour);
    pen.textAlign = align;
    pen.textBaseline = "middle";
    pen.fillText(text, x, y);
    return pen.measureText(text).width;
  }

  function head(pen, width) {
    write(pen, `${ioc.named(ioc.page.settings, "district")} ${ioc.text("product")}`, MARGIN, HEAD / 2, 17, "ink");
    const ground = ioc.layers.all().filter((layer) => ioc.layers.isOn(layer.id) && !ioc.mapStyle.isBase(layer));
    const titles = [...liveLayers(), ...ground].map((layer) => ioc.named(layer, "title"));
    write(pen, titles.slice(0, 6).join(" · "), width - MARGIN, HEAD / 2, 12, "ink-soft", "right");
  }

  const liveLayers = () => (ioc.liveMap.canvas() ? ioc.liveMap.layers().filter((layer) => ioc.liveMap.isOn(layer.id)) : []);

  /** The day; with what happens now, the minute as well. */
  function written(moment) {
    const day = { timeZone: "Asia/Shanghai", year: "numeric", month: "2-digit", day: "2-digit" };
    return moment.toLocaleString("zh-CN", liveLayers().length ? { ...day, hour: "2-digit", minute: "2-digit" } : day);
  }

  function foot(pen, width, top) {
    const middle = top + FOOT / 2;
    const bar = ioc.coordinates.scaleBar(ioc.leaflet.getCenter().lat, ioc.leaflet.getZoom(), BAR);
    pen.strokeStyle = ioc.token("ink");
    pen.lineWidth = 1.5;
    pen.beginPath();
    pen.moveTo(MARGIN, middle - 4);
    pen.lineTo(MARGIN, middle + 4);
    pen.lineTo(MARGIN + bar.pixels, middle + 4);
    pen.lineTo(MARGIN + bar.pixels, middle - 4);
    pen.stroke();
    write(pen, bar.metres >= 1000 ? `${bar.metres / 1000} km` : `${bar.metres} m`, MARGIN + bar.pixels + 8, middle, 12, "ink-soft");
    const { review_number: number, synthetic } = ioc.page.settings;
    const review = number ? ioc.text("review", { number }) : ioc.text("no_review");
    const used = write(pen, `CGCS2000 · ${written(new Date())} · ${review}`, width - MARGIN, middle, 12, "ink-soft", "right");
    if (synthetic) write(pen, ioc.text("demo"), width - MARGIN - used - 16, middle, 13, "warn", "right");
  }

  const blob = async () => {
    const picture = await canvas();
    return new Promise((resolve) => picture.toBlob(resolve, "image/png"));
  };

  async function save() {
    const address = URL.createObjectURL(await blob());
    const name = `${ioc.named(ioc.page.settings, "district")}_${new Date().toLocaleDateString("sv-SE", { timeZone: "Asia/Shanghai" })}.png`;
    ioc.element("a", { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
    return ioc.text("picture_saved");
  }

  /** To the clipboard; a browser that does not allow it saves the picture as a file. */
  async function copy() {
    try {
      await navigator.clipboard.write([new ClipboardItem({ "image/png": await blob() })]);
    } catch {
      return save();
    }
    return ioc.text("picture_copied");
  }

  ioc.mapPicture = { canvas, copy, save };
})();
