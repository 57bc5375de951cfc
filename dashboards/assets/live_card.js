/* The card of what happens now: current values in the record of a station, and cards of vehicles, alarms, cases. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const NEARER = 2; // zoom levels that a click on a cluster goes in

  const time = (text) => (text ? ioc.clock(text) : "");

  function textOf(field, item) {
    const value = item[field.name];
    if (value === null || value === undefined || value === "") return "";
    if (field.values[value]) return field.values[value][ioc.memory.language];
    if (field.kind === "time") return time(value);
    return typeof value === "number" ? String(Number(value.toPrecision(5))) : String(value);
  }

  const record = (layer, item) => layer.card.fields.map((field) =>
    ({ name: field.name, label_zh: field.zh, label_en: field.en, unit: field.unit, value: item[field.name], text: textOf(field, { ...item, text: ioc.liveItems.written(item) }) }));

  /** Answers a click on the map; false: there is nothing live under it. */
  function click(latlng) {
    const found = ioc.liveMap.hit(latlng);
    if (!found) return false;
    const { layer, feature } = found;
    const [lon, lat] = feature.geometry.coordinates;
    if (feature.properties.cluster) ioc.leaflet.setView([lat, lon], ioc.leaflet.getZoom() + NEARER);
    else open(layer, feature.properties.key, { lon, lat });
    return true;
  }

  function open(layer, key, at) {
    const state = ioc.liveMap.items(layer.id);
    const [item] = state.of(key);
    if (!item) return;
    const { layer: of, id } = layer.card;
    if (of && item[id] !== null && item[id] !== undefined && ioc.layers.find(of)) ioc.recordCard.open(of, item[id], state.title(item), at);
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
    if (card.live === layer.id && keys.has(card.key)) {
      const [item] = ioc.liveMap.items(layer.id).of(card.key);
      Object.assign(card, item ? carded(layer, card.key, item) : { gone: true });
      ioc.recordCard.redraw();
    } else if (card.layer === layer.card.layer && keys.has(String(card.id))) redrawValues(card);
  }

  function redrawValues(card) {
    const node = document.getElementById("live-values");
    const now = part(card);
    if (node && now) node.replaceWith(now);
  }

  /** What a feature of the catalogue reports now, in its record; null where nothing does. */
  function part(feature) {
    const layer = ioc.liveMap.layers().find((one) => one.card.layer === feature.layer);
    const items = layer ? ioc.liveMap.items(layer.id).of(String(feature.id)) : [];
    if (!items.length) return null;
    const state = ioc.liveMap.items(layer.id);
    return el("section", { id: "live-values" }, el("h3", {}, ioc.text("live_values")), el("ul", {}, items.map((item) =>
      el("li", { "data-level": state.level(item)[0] },
        el("span", {}, item.metric_name || item.metric), el("b", { class: "figures" }, ioc.liveItems.written(item)),
        el("small", { class: "quiet figures" }, time(item.at))))));
  }

  ioc.liveCard = { click, part, changed, open };
})();
