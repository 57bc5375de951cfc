/* Earlier moments of the data: which versions of the layers are kept, and the layers as they were then. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  let kept = new Map(); // by layer: its versions, the newest first

  async function load() {
    const answer = await ioc.service.get("/layers/versions");
    kept = new Map(answer.layers.map((one) => [one.layer, one.versions]));
  }

  /** Versions that another one has followed: {at: the last moment of each, text}, the newest first. */
  function offered() {
    return ioc.layers.all()
      .flatMap((layer) => (kept.get(layer.id) || []).filter((one) => one.until).map((one) => ({ layer, ...one })))
      .sort((one, other) => (one.loaded_at < other.loaded_at ? 1 : -1))
      .map(({ layer, loaded_at: loaded, until, rows }) => ({
        at: new Date(Date.parse(until) - 1).toISOString(),
        text: ioc.text("moment_version", { time: ioc.clock(loaded), title: ioc.named(layer, "title"), rows: rows.toLocaleString("en-US") }),
      }));
  }

  const versionsAt = (layer, moment) => (kept.get(layer.id) || []).filter((one) => Date.parse(one.published_at) <= moment && (!one.until || Date.parse(one.until) > moment));

  /** Of these layers those that are another version now than at a moment (milliseconds) of which the version is kept. */
  const changedSince = (layers, moment) => layers.filter((layer) => versionsAt(layer, moment).some((one) => one.until));

  /** The layers as they were: each with the moment to ask for, without those of which nothing is kept from then. */
  function layersAt(layers, at) {
    if (!at) return layers;
    const moment = Date.parse(at);
    return layers.flatMap((layer) => {
      const then = versionsAt(layer, moment);
      if (!then.length) return [];
      return then.every((one) => !one.until) ? [layer] : [{ ...layer, at, tile_version: `${then.map((one) => one.version).join("-")}@` }];
    });
  }

  ioc.moments = { load, offered, layersAt, changedSince };
})();
