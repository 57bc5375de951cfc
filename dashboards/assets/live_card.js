/* The card of what happens now: that of a station, a vehicle, an alarm, a case. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const STATUS_WORD = /^[0-9A-F]{8}$/; // of JT/T 808, table of status bits
  const NEARER = 2; // zoom levels that a click on a cluster goes in

  const time = (text) => (text ? ioc.clock(text) : "");

  /** What the bits of a status word say, of those that are named. */
  const said = (bits, word) => bits.map((bit) => ((word >>> bit.number) & 1 ? bit.set : bit.clear)?.[ioc.memory.language]).filter(Boolean).join(ioc.text("comma"));

  function textOf(field, item) {
    const value = item[field.name];
    if (value === null || value === undefined || value === "") return "";
    if (field.values[value]) return field.values[value][ioc.memory.language];
    if (field.bits.length && STATUS_WORD.test(value)) return said(field.bits, parseInt(value, 16));
    if (field.kind === "time") return time(value);
    return typeof value === "number" ? String(Number(value.toPrecision(5))) : String(value);
  }

  const record = (layer, item) => layer.card.fields.map((field) =>
    ({ name: field.name, label_zh: field.zh, label_en: field.en, unit: field.unit, value: item[field.name], text: textOf(field, { ...item, text: ioc.liveItems.written(item) }) }));

  /** Answers a click on the map; false: there is nothing live under it. */
  function click(latlng) {
    const found = ioc.liveMap.hit(latlng);
    if (!found) return false;
    const { layer, mark } = found;
    const [lon, lat] = mark.coordinates;
    if (mark.properties.cluster) ioc.leaflet.setView([lat, lon], ioc.leaflet.getZoom() + NEARER);
    else open(layer, mark.properties.key, { lon, lat });
    return true;
  }

  function open(layer, key, at) {
    const state = ioc.liveMap.items(layer.id);
    const [item] = state.of(key);
    if (!item) return;
    const { layer: of, id } = layer.card;
    const past = ioc.replay.isOn() && layer.topic === "case"; // the record is of now, and was moved on since
    if (of && !past && item[id] !== null && item[id] !== undefined && ioc.layers.find(of)) ioc.recordCard.open(of, item[id], state.title(item), at);
    else ioc.recordCard.show(carded(layer, key, item), at);
  }

  function carded(layer, key, item) {
    const title = ioc.liveMap.items(layer.id).title(item);
    return { live: layer.id, key, layer: layer.id, layer_title: layer, title, geometry: { type: "Point", coordinates: [item.lon, item.lat] }, record: record(layer, item) };
  }

  /** Items have changed: the card that shows one of them follows. */
  function changed(layer, keys) {
    const card = ioc.recordCard.chosen();
    if (!card) return;
    ioc.stationCard.changed(layer, keys);
    if (card.live !== layer.id || !keys.has(card.key) || layer.topic === "reading") return;
    const [item] = ioc.liveMap.items(layer.id).of(card.key);
    Object.assign(card, item ? carded(layer, card.key, item) : { gone: true });
    ioc.recordCard.redraw();
  }

  ioc.liveCard = { click, changed, open };
})();
