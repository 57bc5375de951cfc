/* What a case on the map has around it: the time left, open alarms near, the cameras that are soonest there. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const text = (key, values) => ioc.text(`case_${key}`, values);
  const LAYER = "case_file";
  const LIVE = "live_case";
  const ALARMS = "live_alarm";
  const NEAR = 500; // metres: an alarm so near may be of the same cause
  const MOST_ALARMS = 5;
  const CAMERAS = 3;
  let known = { id: null, cameras: null }; // of the case shown last

  /** The number of the case that a card shows; null where it shows something else. */
  const idOf = (feature) => (feature.live === LIVE ? feature.key : feature.layer === LAYER ? feature.id : null);

  const held = (layer) => (ioc.liveMap.layers().some((one) => one.id === layer) ? ioc.liveMap.items(layer) : null);
  const metres = (one) => (one.metres < 1000 ? `${Math.round(one.metres)} m` : ioc.quantity.length(one.metres));

  /** The head of the card of a case; null where the card shows something else. */
  function head(feature) {
    const id = idOf(feature);
    return id === null ? null : el("div", { id: "case-head" }, clock(id), el("a", { class: "case-link", href: `/cases?state=all#${id}` }, text("open")));
  }

  /** What is near, after the record. */
  function part(feature) {
    const id = idOf(feature);
    const [lon, lat] = feature.geometry?.coordinates || [];
    if (id === null || typeof lon !== "number") return null;
    return el("div", { class: "linked", id: "case-around" }, group("alarms", alarms({ lon, lat })), feature.live ? null : cameras(id, { lon, lat }));
  }

  /** The handling clock, of a case that is open now. */
  function clock(id) {
    const [item] = held(LIVE)?.of(String(id)) || [];
    if (!item?.deadline) return null;
    const { text: left, level } = ioc.cases.left(item);
    return el("span", {}, el("b", { class: level }, left), el("small", { class: "quiet" }, ` ${text("deadline")} ${ioc.cases.when(item.deadline)}`));
  }

  function group(name, rows) {
    if (!rows.length) return null;
    return el("div", { class: "linked-group", "data-around": name }, el("span", { class: "quiet" }, text(`around_${name}`)), el("div", {}, rows));
  }

  function row(title, told, go, extra) {
    return el("button", { type: "button", onclick: go, ...extra }, el("b", {}, title), el("small", {}, told));
  }

  function alarms(at) {
    const state = held(ALARMS);
    if (!state) return [];
    const layer = ioc.liveMap.layers().find(({ id }) => id === ALARMS);
    return [...state.features.keys()].map((key) => ({ key, item: state.of(key)[0] })).filter(({ item }) => typeof item.lon === "number")
      .map((one) => ({ ...one, metres: ioc.geodesic.length([[at.lon, at.lat], [one.item.lon, one.item.lat]]) }))
      .filter((one) => one.metres <= NEAR).sort((one, other) => one.item.severity - other.item.severity || one.metres - other.metres).slice(0, MOST_ALARMS)
      .map((one) => row(ioc.named(one.item, "title"), [one.item.place, metres(one), ioc.text(`alarm_state_${one.item.state}`)].filter(Boolean).join(" · "),
        () => ioc.liveCard.open(layer, one.key, { lon: one.item.lon, lat: one.item.lat }), { "data-severity": one.item.severity }));
  }

  function cameras(id, at) {
    const node = el("div", { class: "linked-group", "data-around": "cameras", hidden: true });
    if (known.id !== id) known = { id, cameras: ioc.service.get(`/nearest?${new URLSearchParams({ kind: "camera", ...at, n: CAMERAS })}`).catch((problem) => ({ features: [], problem })) };
    known.cameras.then(({ layer, features, problem }) => {
      const open = (camera) => () => {
        if (!ioc.layers.isOn(layer)) ioc.layers.turn(layer, true);
        if (!ioc.leaflet.getBounds().contains([camera.lat, camera.lon])) ioc.leaflet.panTo([camera.lat, camera.lon]);
        ioc.recordCard.open(layer, camera.id, camera.title, { lon: camera.lon, lat: camera.lat });
      };
      const none = el("span", {}, problem && problem.status !== 404 ? problem.message : text("no_cameras"));
      node.replaceChildren(el("span", { class: "quiet" }, text("around_cameras")),
        el("div", {}, features.length ? features.map((camera) => row(camera.title, `${ioc.text(`nearest_by_${camera.by}`)} ${metres(camera)}`, open(camera))) : none));
      node.hidden = false;
    });
    return node;
  }

  /** Somebody has moved the case on whose record is open: it is read again. */
  function told(items, whole) {
    const card = ioc.recordCard.chosen();
    if (whole || card?.layer !== LAYER || card.live || ioc.replay.isOn() || !items.some(({ id }) => id === card.id)) return;
    ioc.recordCard.open(LAYER, card.id, card.title, ioc.recordCard.place());
  }

  const start = () => ioc.live.on("case", told);

  ioc.caseAround = { start, head, part };
})();
