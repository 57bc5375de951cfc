/* What a live layer shows: the latest item of each feature, kept by key, with its class of urgency. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const LEAST_SILENCE_MS = 600000;
  const DIGITS = { m: 2, mm: 1 };

  const first = (item, names) => names.map((name) => item[name]).find((value) => value !== null && value !== undefined && value !== "");

  /** A value as people of the field write it: levels to the centimetre, rain to a tenth of a millimetre. */
  function written(item) {
    if (typeof item.value !== "number") return "";
    const value = item.unit in DIGITS ? item.value.toFixed(DIGITS[item.unit]) : String(Number(item.value.toPrecision(4)));
    return [value, item.unit, { "-1": "↓", 1: "↑" }[item.trend]].filter(Boolean).join(" ");
  }

  class LiveItems {
    constructor(layer) {
      this.layer = layer;
      this.features = new Map(); // by key: items by series
      this.changed = new Set();
      this.incomplete = false; // an item of something that the snapshot did not know
      this.clock = null; // when a whole state was taken
      this.replayed = false; // whether that was of the past
    }

    /** Takes items as they come; gives the keys that are new. */
    take(items, whole) {
      const before = whole ? this.features : null;
      if (whole) this.features = new Map();
      const added = [];
      for (const item of items) {
        const key = String(first(item, this.layer.key));
        if (this.leaves(item)) this.features.delete(key);
        else {
          if (!this.features.has(key) && !before?.has(key)) added.push(key);
          this.put(key, item);
        }
        if (!whole) this.changed.add(key);
      }
      for (const key of whole ? new Set([...before.keys(), ...this.features.keys()]) : []) {
        if (!this.isSame(before.get(key), this.features.get(key))) this.changed.add(key);
      }
      if (whole) this.incomplete = false;
      this.clock = ioc.replay.now();
      this.replayed = ioc.replay.isOn();
      return added;
    }

    /** Whether a feature is as it was when a whole state came last, and looks as it did. */
    isSame(before, items) {
      return this.replayed === ioc.replay.isOn() && before && before.size === items?.size && [...items].every(([name, item]) =>
        JSON.stringify(item) === JSON.stringify(before.get(name)) && this.isStale(item, ioc.replay.now()) === this.isStale(item, this.clock));
    }

    put(key, item) {
      const series = this.features.get(key) || new Map();
      const name = this.layer.rank ? `${item.device}/${item[this.layer.rank.field]}` : "";
      const known = series.get(name);
      if (!known || !(Date.parse(known.at) > Date.parse(item.at))) series.set(name, { ...known, ...item });
      this.features.set(key, series);
      if (typeof series.get(name)?.lon !== "number") this.incomplete = true;
    }

    leaves(item) {
      return Object.entries(this.layer.leaves).some(([field, values]) => values.includes(String(item[field])));
    }

    /** All items of a feature, the one that stands for it first. */
    of(key) {
      const items = [...(this.features.get(key)?.values() || [])];
      const { rank } = this.layer;
      if (!rank) return items;
      const place = (item) => (rank.order.indexOf(item[rank.field]) + 1 || rank.order.length + 1);
      return items.sort((one, other) => place(one) - place(other));
    }

    /** The name of an item's class of urgency, and how urgent that is (0: not at all). */
    level(item, now = ioc.replay.now()) {
      const names = [...new Set(this.layer.levels.map((one) => one.name))];
      const found = this.layer.levels.find(({ above, below, field, equals }) =>
        field ? String(item[field]) === equals
          : above ? typeof item[above] === "number" && item.value >= item[above]
            : typeof item[below] === "number" && item.value < item[below]);
      if (this.isStale(item, now)) return ["stale", 0];
      return found ? [found.name, names.length - names.indexOf(found.name)] : ["normal", 0];
    }

    /** Its device is offline; of the past, where that is not known: it is as old as an offline device's would be. */
    isStale(item, now) {
      const intervals = this.layer.stale_after_intervals;
      if (!intervals) return false;
      if (!ioc.replay.isOn()) return ioc.liveDevices.isOffline(item.device);
      return Boolean(item.interval_s) && now - Date.parse(item.at) > Math.max(LEAST_SILENCE_MS, intervals * item.interval_s * 1000);
    }

    /** The feature of a key as GeoJSON; null when it is gone or nobody knows where it is. */
    feature(key) {
      const item = this.of(key)[0];
      if (!item || typeof item.lon !== "number") return null;
      const [level, urgency] = this.level(item);
      const { r, ...properties } = item;
      return {
        type: "Feature",
        properties: { ...properties, key, level, urgency, text: written(item) },
        geometry: { type: "Point", coordinates: [item.lon, item.lat] },
      };
    }

    all() {
      return [...this.features.keys()].map((key) => this.feature(key)).filter(Boolean);
    }

    title(item) {
      return String(first(item, this.layer.card.title) ?? "");
    }
  }

  ioc.liveItems = { LiveItems, written };
})();
