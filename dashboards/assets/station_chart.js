/* The course of a station's metric as a small drawing: gaps stay gaps, limits are named, rain hangs from the top. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const HOUR = 3600e3;
  const DAY = 24 * HOUR;
  const ZONE = 8 * HOUR; // Beijing time, which has no summer time
  const WIDTH = 304;
  const HEIGHT = 176;
  const PLOT = { left: 40, right: 300, top: 14, bottom: 156 };
  const RAIN_DEPTH = 0.45; // of the plot, for the heaviest rain
  const MOST_STRETCH = 4; // limits lie in the drawing while it stays within so many times the values' own range
  const MISSED = 3; // intervals without a reading that make a gap
  const COARSE = 2.5; // as many spans of a course of extremes make one
  const SPANS = { hour: HOUR, day: DAY };

  function shape(tag, attributes, ...children) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }

  /** The time without a value that is a gap: readings come at intervals, the declared or the usual, extremes of longer courses in spans. */
  function longestStep(course) {
    const times = course.points.map(([at]) => at);
    const steps = times.slice(1).map((at, index) => at - times[index]).sort((one, other) => one - other);
    const usual = Math.max((course.interval_s || 0) * 1000, steps[steps.length >> 1] || 0);
    const drawn = course.points.length < course.readings ? (times[times.length - 1] - times[0]) / (course.wanted / 2) : 0;
    return Math.max(MISSED * usual, COARSE * drawn, COARSE * (SPANS[course.source] || 0));
  }

  /** The course in pieces between which nothing was measured. */
  function pieces(course) {
    const longest = longestStep(course);
    const found = [];
    course.points.forEach((point, index) => {
      if (!index || point[0] - course.points[index - 1][0] > longest) found.push([]);
      found[found.length - 1].push(point);
    });
    return found;
  }

  /** Lowest and highest of the drawing: the values, and the limits that are not too far from them. */
  function range(course, limits) {
    const values = course.points.map(([, value]) => value);
    let [low, high] = values.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [Infinity, -Infinity]);
    if (low > high) [low, high] = limits.length ? [limits[0].value, limits[limits.length - 1].value] : [0, 1];
    const own = Math.max(high - low, Math.abs(high) * 0.02, 0.1);
    const distance = (limit) => Math.max(low - limit.value, limit.value - high);
    for (const limit of [...limits].sort((one, other) => distance(one) - distance(other))) {
      const reached = [Math.min(low, limit.value), Math.max(high, limit.value)];
      if (reached[1] - reached[0] <= MOST_STRETCH * own) [low, high] = reached;
    }
    const margin = Math.max(high - low, own * 0.5) * 0.08;
    return [low - margin, high + margin];
  }

  function ticks(low, high, count) {
    const raw = (high - low) / count;
    const size = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((one) => one * size).find((one) => one >= raw);
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const found = [];
    for (let n = Math.ceil(low / step); n * step <= high; n += 1) found.push({ value: n * step, text: (n * step).toFixed(digits) });
    return found;
  }

  /** Round moments of Beijing time along the axis. */
  function moments(from, to) {
    const span = to - from;
    const step = [6 * HOUR, DAY, 2 * DAY, 61 * DAY].find((one) => span / one <= 5) || 73 * DAY;
    const found = [];
    for (let at = Math.ceil((from + ZONE) / step) * step - ZONE; at <= to; at += step) {
      const text = new Date(at + ZONE).toISOString();
      found.push({ at, text: step < DAY ? text.slice(11, 16) : span < 60 * DAY ? text.slice(5, 10) : text.slice(0, 7) });
    }
    return found;
  }

  class StationChart {
    /** `course`: what `/stations/…/series` answers, with `interval_s`, `wanted` points, `write(value)` and `words`. */
    constructor(course, rain) {
      this.course = course;
      this.rain = rain;
      this.svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "station-drawing", "aria-hidden": "true" });
      this.readout = el("output", { class: "station-readout figures", "aria-hidden": "true" });
      this.frame = el("div", { class: "station-plot", tabindex: "0", role: "slider", "aria-label": course.words, "aria-orientation": "horizontal",
        onpointermove: (event) => this.point(event), onpointerleave: () => this.choose(null), onblur: () => this.choose(null),
        onkeydown: (event) => this.key(event) }, this.svg);
      this.node = el("div", { class: "station-chart" }, this.frame, this.readout);
      this.draw();
    }

    /** A reading that has just come: the drawing goes on, and its time moves along. */
    add(at, value) {
      const { course } = this;
      const last = course.points[course.points.length - 1];
      if (last && at <= last[0]) return;
      const gone = Math.max(0, at - course.end);
      course.points = [...course.points, [at, value]];
      course.end += gone;
      course.begin += gone;
      course.points = course.points.filter(([moment]) => moment >= course.begin);
      if (course.points.length >= course.readings) course.readings = course.points.length;
      this.draw();
    }

    draw() {
      const { course } = this;
      this.limits = course.marks.filter((limit) => typeof limit.value === "number").sort((one, other) => one.value - other.value);
      [this.low, this.high] = range(course, this.limits);
      this.x = (at) => PLOT.left + ((at - course.begin) / (course.end - course.begin)) * (PLOT.right - PLOT.left);
      this.y = (value) => PLOT.bottom - ((value - this.low) / (this.high - this.low)) * (PLOT.bottom - PLOT.top);
      this.cursor = shape("g", { class: "cursor", visibility: "hidden" });
      this.svg.replaceChildren(...this.axes(), ...this.bars(), ...this.lines(), ...this.thresholds(), this.cursor);
      if (!course.points.length && !this.rain?.points.length) this.svg.append(shape("text", { x: (PLOT.left + PLOT.right) / 2, y: HEIGHT / 2, class: "nothing" }, ioc.text("station_no_readings")));
      this.choose(this.chosen && course.points.includes(this.chosen) ? this.chosen : null);
    }

    axes() {
      const values = this.course.hanging ? [] : ticks(this.low, this.high, 4);
      return [
        ...values.flatMap(({ value, text }) => [
          shape("line", { x1: PLOT.left, x2: PLOT.right, y1: this.y(value), y2: this.y(value), class: "grid" }),
          shape("text", { x: PLOT.left - 5, y: this.y(value) + 3.5, class: "value" }, text)]),
        ...moments(this.course.begin, this.course.end).flatMap(({ at, text }) => [
          shape("line", { x1: this.x(at), x2: this.x(at), y1: PLOT.bottom, y2: PLOT.bottom + 4, class: "axis" }),
          shape("text", { x: Math.min(this.x(at), PLOT.right - 12), y: PLOT.bottom + 15, class: "moment" }, text)]),
        shape("line", { x1: PLOT.left, x2: PLOT.right, y1: PLOT.bottom, y2: PLOT.bottom, class: "axis" }),
        shape("text", { x: PLOT.left, y: 9, class: "name" }, this.course.axis),
      ];
    }

    /** Rain by hour or day, as bars from the top with a scale of their own at the right. */
    bars() {
      if (!this.rain?.points.length) return [];
      const width = SPANS[this.rain.source];
      const most = Math.max(...this.rain.points.map(([, sum]) => sum), 1);
      const depth = (PLOT.bottom - PLOT.top) * (this.course.hanging ? 0.92 : RAIN_DEPTH);
      const drawn = this.rain.points.filter(([at, sum]) => sum > 0 && at + width > this.course.begin).map(([at, sum]) => {
        const left = Math.max(this.x(at), PLOT.left);
        return shape("rect", { x: left, y: PLOT.top, width: Math.max(1, Math.min(this.x(at + width), PLOT.right) - left - 0.6), height: (sum / most) * depth, class: "rain" });
      });
      const text = ioc.text("station_rain_most", { value: most.toFixed(1), unit: ioc.text(`station_rain_${this.rain.source}`) });
      return [shape("line", { x1: PLOT.left, x2: PLOT.right, y1: PLOT.top, y2: PLOT.top, class: "axis" }), ...drawn,
        shape("text", { x: PLOT.right, y: 9, class: "rain-name" }, text)];
    }

    lines() {
      if (this.course.hanging) return [];
      return pieces(this.course).map((piece) => piece.length === 1
        ? shape("circle", { cx: this.x(piece[0][0]), cy: this.y(piece[0][1]), r: 1.6, class: "course" })
        : shape("polyline", { points: piece.map(([at, value]) => `${this.x(at).toFixed(1)},${this.y(value).toFixed(1)}`).join(" "), class: "course" }));
    }

    /** Limits by name; those that lie beyond the drawing stand at its edge with an arrow. */
    thresholds() {
      if (this.course.hanging) return [];
      const inside = this.limits.filter(({ value }) => value >= this.low && value <= this.high);
      const above = this.limits.filter(({ value }) => value > this.high);
      const said = ({ name, value }) => `${name} ${this.course.write(value)}`;
      // A name stands on its line, or under it where the names of what lies higher stand.
      const nameAt = (y) => (y < PLOT.top + (above.length ? 24 : 12) ? y + 10 : y - 3);
      return [
        ...inside.flatMap((limit) => [
          shape("line", { x1: PLOT.left, x2: PLOT.right, y1: this.y(limit.value), y2: this.y(limit.value), class: "limit", "data-level": limit.level }),
          shape("text", { x: PLOT.left + 4, y: nameAt(this.y(limit.value)), class: "limit-name", "data-level": limit.level }, said(limit))]),
        ...(above.length ? [shape("text", { x: PLOT.left + 4, y: PLOT.top + 10, class: "limit-name", "data-level": above[0].level }, `↑ ${above.map(said).join(" · ")}`)] : []),
      ];
    }

    /** The points that can be read out: of the course, or of the rain where that is all there is. */
    readable() {
      return this.course.hanging ? this.rain?.points || [] : this.course.points;
    }

    point(event) {
      const box = this.svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * WIDTH;
      const distance = ([at]) => Math.abs(this.x(at) - x);
      this.choose(this.readable().reduce((best, one) => (!best || distance(one) < distance(best) ? one : best), null));
    }

    key(event) {
      const points = this.readable();
      const index = points.indexOf(this.chosen);
      const page = Math.ceil(points.length / 10);
      const last = points.length - 1;
      const go = { ArrowLeft: index < 0 ? last : index - 1, ArrowRight: index < 0 ? last : index + 1, PageDown: index - page, PageUp: index + page, Home: 0, End: last }[event.key];
      if (go === undefined || !points.length) return;
      event.preventDefault();
      this.choose(points[Math.max(0, Math.min(last, go))]);
    }

    choose(point) {
      this.chosen = point;
      const points = this.readable();
      const shown = point || points[points.length - 1];
      const text = shown ? `${ioc.clock(shown[0])}  ${this.course.write(shown[1])} ${this.course.unit || ""}` : ioc.text("station_no_readings");
      this.readout.textContent = point ? text : "";
      const now = point ? points.indexOf(point) : points.length - 1;
      for (const [name, value] of Object.entries({ "aria-valuemin": 0, "aria-valuemax": Math.max(points.length - 1, 0), "aria-valuenow": Math.max(now, 0), "aria-valuetext": text })) this.frame.setAttribute(name, value);
      this.cursor.setAttribute("visibility", point ? "visible" : "hidden");
      if (!point) return;
      const x = this.x(point[0]);
      const dot = this.course.hanging ? [] : [shape("circle", { cx: x, cy: this.y(point[1]), r: 3.2 })];
      this.cursor.replaceChildren(shape("line", { x1: x, x2: x, y1: PLOT.top, y2: PLOT.bottom }), ...dot);
    }
  }

  ioc.stationChart = { StationChart, pieces };
})();
