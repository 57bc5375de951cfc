/* What of a live layer is to be drawn: a mark for each feature, or for many that are close together in far views. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const CLOSE = 46; // pixels
  const WORLD = 256; // pixels at Leaflet's zoom 0

  /** Pixels of the whole world at a zoom as tiles count it. */
  function pixels([lon, lat], zoom) {
    const sine = Math.sin((lat * Math.PI) / 180);
    const world = WORLD * 2 ** (zoom + 1);
    return [(lon / 360 + 0.5) * world, (0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI)) * world];
  }

  const abbreviated = (count) => (count < 1000 ? String(count) : `${(count / 1000).toFixed(count < 10000 ? 1 : 0)}k`);

  class LiveMarks {
    constructor(items) {
      this.items = items;
      this.singles = new Map(); // by key
      this.groups = [];
      this.restyle();
    }

    /** The style is another one: everything looks otherwise. */
    restyle() {
      this.look = ioc.liveStyle.evaluator(this.items.layer.style);
      this.zoom = null;
    }

    isGrouped() {
      return this.zoom < this.items.layer.cluster_below;
    }

    /** What is to be drawn, the last uppermost. */
    all() {
      return this.isGrouped() ? this.groups : [...this.singles.values()];
    }

    mark(properties, coordinates) {
      const at = pixels(coordinates, this.zoom);
      const parts = this.look(properties, this.zoom);
      return { properties, coordinates, at, parts, look: JSON.stringify([at.map(Math.round), parts]) };
    }

    /** Follows features that changed, and the zoom; whether anything that `isSeen(mark)` looks otherwise now. */
    follow(changed, zoom, isSeen) {
      const anew = zoom !== this.zoom;
      this.zoom = zoom;
      if (anew) this.singles.clear();
      const otherwise = [];
      for (const key of anew ? this.items.features.keys() : changed) {
        const before = this.singles.get(key);
        const feature = this.items.feature(key);
        const after = feature && this.mark(feature.properties, feature.geometry.coordinates);
        if (after) this.singles.set(key, after);
        else this.singles.delete(key);
        if (before?.look !== after?.look || before?.properties.urgency !== after?.properties.urgency) otherwise.push(...[before, after].filter(Boolean));
      }
      if (!this.isGrouped() || !(otherwise.length || anew)) return anew || otherwise.some(isSeen);
      const before = this.groups;
      this.groups = this.grouped();
      return anew || before.length !== this.groups.length || this.groups.some((mark, n) => mark.look !== before[n].look);
    }

    /** Marks close to one another as one; the same marks are grouped in the same way wherever the view is. */
    grouped() {
      const cells = new Map();
      const cellOf = (x, y) => `${Math.floor(x / CLOSE)}/${Math.floor(y / CLOSE)}`;
      const free = new Set([...this.singles.keys()].sort().map((key) => this.singles.get(key)));
      for (const mark of free) cells.set(cellOf(...mark.at), [...(cells.get(cellOf(...mark.at)) || []), mark]);
      const groups = [];
      for (const first of free) {
        const [x, y] = first.at;
        const around = [-CLOSE, 0, CLOSE].flatMap((down) => [-CLOSE, 0, CLOSE].flatMap((right) => cells.get(cellOf(x + right, y + down)) || []));
        const near = around.filter((mark) => free.has(mark) && Math.hypot(mark.at[0] - x, mark.at[1] - y) <= CLOSE);
        near.forEach((mark) => free.delete(mark));
        groups.push(near.length > 1 ? this.group(near) : first);
      }
      return groups;
    }

    group(members) {
      const middle = [0, 1].map((axis) => members.reduce((sum, mark) => sum + mark.coordinates[axis], 0) / members.length);
      const worst = Math.max(...members.map((mark) => mark.properties.urgency));
      return this.mark({ cluster: true, point_count: members.length, point_count_abbreviated: abbreviated(members.length), worst }, middle);
    }
  }

  ioc.liveMarks = { LiveMarks, pixels };
})();
