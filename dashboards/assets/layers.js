/* The catalogue of layers for this viewer and which of them are switched on. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const CHECK_SECONDS = 60;
  let all = [];
  let operatorsOfKinds = {};

  const catalogueUrl = () => `/layers?theme=${ioc.memory.theme}`;
  const find = (id) => all.find((layer) => layer.id === id);
  const isOn = (id) => ioc.memory.layers[id] ?? Boolean(find(id)?.visible_by_default);
  const opacityOf = (id) => ioc.memory.opacity[id] ?? 1;

  /** The layers of a catalogue answer in listing order, each with its group's names. */
  const flat = (catalogue) => {
    operatorsOfKinds = catalogue.operators;
    return catalogue.groups.flatMap((group) =>
      group.layers.map((layer) => ({ ...layer, group_zh: group.title_zh, group_en: group.title_en })));
  };

  function take(layers) {
    all = layers;
    return all;
  }

  /** The layers as they are styled in another theme. */
  const themed = async (theme) => flat(await ioc.service.getAtLast(`/layers?theme=${theme}`));

  async function load() {
    return take(flat(await ioc.service.getAtLast(catalogueUrl())));
  }

  function changed() {
    ioc.mapView.refresh(all);
    ioc.tell("layers", all);
  }

  function turn(id, on) {
    ioc.remember({ layers: { ...ioc.memory.layers, [id]: on } });
    changed();
  }

  function turnMany(ids, on) {
    ioc.remember({ layers: { ...ioc.memory.layers, ...Object.fromEntries(ids.map((id) => [id, on])) } });
    changed();
  }

  function fade(id, opacity) {
    ioc.remember({ opacity: { ...ioc.memory.opacity, [id]: opacity } });
    ioc.mapView.refresh(all);
  }

  function restoreDefaults() {
    ioc.remember({ layers: {}, opacity: {}, filters: {}, order: [], variants: {} });
    changed();
  }

  /** What a filter may ask of a field of a kind. */
  const operators = (kind) => operatorsOfKinds[kind] || [];

  /** Whether the layer is drawn at this tile zoom. */
  const inZoom = (layer, zoom) => zoom >= (layer.min_zoom ?? 0) && zoom < (layer.max_zoom ?? 24) + 1;

  /** Ids that a click asks about: switched on (or of a set of their own) and drawn at this zoom. */
  const asked = (zoom, ids) =>
    all.filter((layer) => layer.identify && (ids ? ids.includes(layer.id) : isOn(layer.id)) && inZoom(layer, zoom)).map((layer) => layer.id);

  const fingerprint = (layers) => JSON.stringify(layers.map((layer) => [layer.id, layer.tile_version, layer.style]));

  /** Follows new versions and changed rights, so that a wall screen never shows yesterday's data. */
  function follow() {
    setInterval(async () => {
      const before = fingerprint(all);
      const layers = flat(await ioc.service.getAtLast(catalogueUrl()));
      if (fingerprint(layers) === before) return;
      take(layers);
      changed();
    }, CHECK_SECONDS * 1000);
  }

  async function reload() {
    await load();
    changed();
  }

  ioc.on("theme", reload);

  ioc.layers = { load, reload, find, isOn, opacityOf, turn, turnMany, fade, restoreDefaults, inZoom, asked, follow, operators, changed, themed, all: () => all };
})();
