/* The last picture that a camera of a station took, in the station's card; those before it one by one. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);

  let shown = { code: null, pictures: [], place: 0 };

  /** The part of a card; empty until it is known that there is a picture, and where there is none. */
  function part(code) {
    if (shown.code !== code || !isShown()) {
      shown = { code, pictures: [], place: 0 };
      ask();
    }
    return element();
  }

  const addressOf = ({ id }) => `/stations/${encodeURIComponent(shown.code)}/pictures/${id}`;

  async function ask() {
    const own = shown;
    const at = ioc.replay.isOn() ? `?at=${encodeURIComponent(new Date(ioc.replay.now()).toISOString())}` : "";
    const asked = (own.asked = Symbol(at));
    try {
      const { pictures } = await ioc.service.get(`/stations/${encodeURIComponent(own.code)}/pictures${at}`);
      if (own !== shown || own.asked !== asked) return;
      const before = own.pictures[own.place];
      own.pictures = pictures;
      // Who looks at an earlier picture goes on looking at it when another comes.
      own.place = own.place ? Math.max(0, pictures.findIndex(({ id }) => id === before.id)) : 0;
      draw();
    } catch {
      // A card is whole without pictures; the next one that is taken asks again.
    }
  }

  function turn(steps) {
    shown.place = Math.min(Math.max(shown.place + steps, 0), shown.pictures.length - 1);
    draw();
    document.querySelector(`#station-picture [data-turn="${steps}"]:enabled`)?.focus();
  }

  function element() {
    const picture = shown.pictures[shown.place];
    const turner = (steps, name, sign) => el("button", {
      type: "button", "data-turn": steps, "aria-label": ioc.text(name), title: ioc.text(name),
      disabled: !shown.pictures[shown.place + steps], onclick: () => turn(steps),
    }, sign);
    return el("div", { id: "station-picture" }, picture ? [
      el("h3", {}, ioc.text("station_picture")),
      el("figure", {},
        el("a", { href: addressOf(picture), target: "_blank", rel: "noopener", title: ioc.text("station_picture_whole") },
          el("img", { src: addressOf(picture), width: picture.width, height: picture.height, alt: ioc.text("station_picture_of", { time: ioc.clock(picture.at) }) })),
        el("figcaption", { class: "quiet figures" },
          turner(1, "station_picture_before", "‹"),
          el("span", {}, el("time", { datetime: picture.at }, ioc.clock(picture.at)), picture.device === shown.code ? null : ` · ${picture.device}`),
          turner(-1, "station_picture_after", "›")))] : null);
  }

  function draw() {
    document.getElementById("station-picture")?.replaceWith(element());
  }

  const isShown = () => shown.code !== null && document.getElementById("station-picture") !== null;

  function taken(items, devices) {
    if (isShown() && !ioc.replay.isOn() && items.some(({ state, device }) => state === "picture" && (device === shown.code || devices().includes(device)))) ask();
  }

  /** devices() gives those of the station whose card is open. */
  function start(devices) {
    ioc.live.on("device", (items) => taken(items, devices));
    ioc.on("replay", ({ playing }) => {
      if (!playing && isShown()) ask();
    });
  }

  ioc.stationPicture = { start, part };
})();
