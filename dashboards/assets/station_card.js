/* What a station measures, in its record: present values, open alarms, the course with its limits, the neighbours. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const SPANS = { day: 1, week: 7, year: 366 };
  const POINTS = 700; // about two for each pixel of the drawing
  const NEAR = 1000; // metres
  const RAIN_NEAR = 3000; // a gauge so far away still says whether it rained here
  const MOST_NEIGHBOURS = 8;
  const REFRESH_MS = 10000; // ages and neighbours
  const ZONE_MS = 8 * 3600e3; // days are those of Beijing
  const MOST_BEHIND_MS = 3600e3; // of a course's end behind the moment that the map shows
  const RAIN = /^(DRP|PN\d+|P1)$/; // of SL 651-2014: rain of an interval, which adds up
  const ELEVATION = /^(Z[A-Z]?\d?|PPUPZ|PPDWZ)$/; // levels above a datum, not depths
  const TRENDS = { "-1": ["↓", "falling"], 0: ["→", "steady"], 1: ["↑", "rising"] };
  const AGES = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const QUALITIES = ["B", "C", "D", "F", "M", "S", "T"]; // flags of HJ 212-2017

  let played = false;
  let shown = { key: null, span: "day" }; // the station whose card is open, and what of it is drawn

  const layerOf = (topic) => ioc.liveMap.layers().find((layer) => layer.topic === topic);
  const seriesOf = (item) => `${item.device}/${item.metric}`;
  const codeOf = (items) => items[0].station || items[0].device;
  const bare = (item) => ioc.liveItems.written({ ...item, trend: null });
  const datumOf = (item) => (ELEVATION.test(item.metric) ? ` · ${item.datum || ioc.text("station_no_datum")}` : "");
  const distance = (one, other) => ioc.geodesic.length([[one.lon, one.lat], [other.lon, other.lat]]);

  /** What an alarm's card is about: it lies over its station on the map, and shows it too. */
  function alarmed({ live, key }) {
    const [alarm] = ioc.liveMap.items(live).of(key);
    return alarm ? String(alarm.station_id ?? alarm.device) : null;
  }

  /** The key of what reports under a card; null for a card of something else. */
  function keyOf(feature) {
    const layer = layerOf("reading");
    if (!layer || !feature) return null;
    const key = feature.live === layer.id ? feature.key : feature.live === layerOf("alarm")?.id ? alarmed(feature) : feature.layer === layer.card.layer ? String(feature.id) : null;
    return key !== null && ioc.liveMap.items(layer.id).of(key).length ? key : null;
  }

  const itemsOf = (key) => ioc.liveMap.items(layerOf("reading").id).of(key);

  /** The part of a record that its readings are; null where nothing reports. */
  function part(feature) {
    const key = keyOf(feature);
    if (key === null) return null;
    if (shown.key !== key) shown = { key, span: shown.span, series: seriesOf(itemsOf(key)[0]), answers: null };
    const node = el("section", { id: "station-card", "aria-label": ioc.text("live_values") },
      values(), ioc.stationQuestion.part(asked()), alarms(), el("div", { id: "station-course" }), ioc.stationPicture.part(codeOf(itemsOf(key))), neighbours());
    drawCourse(node.querySelector("#station-course"));
    if (!shown.answers) ask();
    return node;
  }

  function ageOf(at) {
    const seconds = Math.max(0, (ioc.replay.now() - Date.parse(at)) / 1000);
    const [unit, size] = AGES.find(([, one]) => seconds >= one) || AGES[3];
    return new Intl.RelativeTimeFormat(ioc.memory.language).format(-Math.floor(seconds / size), unit);
  }

  function trendOf(item) {
    const known = TRENDS[item.trend];
    return known ? el("i", { role: "img", "aria-label": ioc.text(`station_${known[1]}`), title: ioc.text(`station_${known[1]}`) }, known[0]) : null;
  }

  function values() {
    const state = ioc.liveMap.items(layerOf("reading").id);
    const items = itemsOf(shown.key);
    const several = new Set(items.map((item) => item.device)).size > 1;
    return el("div", { id: "live-values" }, el("h3", {}, ioc.text(ioc.replay.isOn() ? "replay_values" : "live_values")), el("ul", {}, items.map((item) => {
      const [level] = state.level(item);
      const quality = item.quality && (QUALITIES.includes(item.quality) ? ioc.text(`station_quality_${item.quality}`) : ioc.text("station_quality", { flag: item.quality }));
      return el("li", { "data-level": level },
        el("span", {}, item.metric_name || item.metric, level === "normal" ? null : el("em", {}, ioc.text(`station_level_${level}`))),
        el("b", { class: "figures" }, bare(item), " ", trendOf(item)),
        el("small", { class: "quiet figures" },
          el("time", { datetime: item.at, title: ioc.clock(item.at) }, ageOf(item.at)),
          datumOf(item), several ? ` · ${item.device}` : "", quality ? ` · ${quality}` : ""));
    })));
  }

  /** What a station may be asked about from this card. */
  function asked() {
    const items = itemsOf(shown.key);
    return {
      key: shown.key, devices: [...new Set(items.map((item) => item.device))],
      changed: () => refresh("station-foot", foot), filled: ask,
    };
  }

  function alarms() {
    const layer = layerOf("alarm");
    const items = itemsOf(shown.key);
    const devices = new Set(items.map((item) => item.device));
    const code = codeOf(items);
    const state = layer && ioc.liveMap.items(layer.id);
    const open = state ? [...state.features.keys()].map((key) => state.of(key)[0]).filter((item) => devices.has(item.device) || item.station === code) : [];
    return el("div", { id: "station-alarms" }, open.length ? [
      el("h3", {}, ioc.text("station_alarms", { count: open.length })),
      el("ul", {}, open.sort((one, other) => one.severity - other.severity).map((item) => el("li", { "data-severity": item.severity },
        el("a", { href: `/alarms#${item.id}` }, ioc.named(item, "title")),
        el("small", { class: "quiet figures" }, ioc.text(`alarm_state_${item.state}`), " · ", ioc.clock(item.raised_at, { year: false })))))] : null);
  }

  function neighbours() {
    const layer = layerOf("reading");
    const state = ioc.liveMap.items(layer.id);
    const near = around(NEAR).slice(0, MOST_NEIGHBOURS);
    const go = (key, item) => {
      if (!ioc.leaflet.getBounds().contains([item.lat, item.lon])) ioc.leaflet.panTo([item.lat, item.lon]);
      ioc.liveCard.open(layer, key, { lon: item.lon, lat: item.lat });
    };
    return el("div", { id: "station-neighbours" }, near.length ? [
      el("h3", {}, ioc.text("station_neighbours")),
      el("ul", {}, near.map(({ key, item, metres }) => el("li", { "data-level": state.level(item)[0] },
        el("button", { type: "button", "data-key": key, onclick: () => go(key, item) },
          el("span", {}, state.title(item)), el("small", { class: "quiet figures" }, `${Math.round(metres)} m`),
          el("b", { class: "figures", title: item.metric_name }, bare(item), " ", trendOf(item))))))] : null);
  }

  /** Other stations within metres, the nearest first, each by the item that stands for it or one that fits. */
  function around(metres, fits = null) {
    const state = ioc.liveMap.items(layerOf("reading").id);
    const [own] = itemsOf(shown.key);
    if (typeof own.lon !== "number") return [];
    const height = metres / 110000; // degrees, a little more than needed
    const width = height / Math.cos((own.lat * Math.PI) / 180);
    return [...state.features.keys()].filter((key) => key !== shown.key)
      .map((key) => ({ key, item: fits ? state.of(key).find(fits) : state.of(key)[0] }))
      .filter(({ item }) => item && Math.abs(item.lat - own.lat) < height && Math.abs(item.lon - own.lon) < width)
      .map((one) => ({ ...one, metres: distance(own, one.item) }))
      .filter((one) => one.metres <= metres).sort((one, other) => one.metres - other.metres);
  }

  /** The item whose rain hangs over the course: the station's own gauge, or the nearest. */
  function rainOf() {
    const gauge = (item) => RAIN.test(item.metric);
    return itemsOf(shown.key).find(gauge) || around(RAIN_NEAR, gauge)[0]?.item;
  }

  const charted = () => itemsOf(shown.key).find((item) => seriesOf(item) === shown.series) || itemsOf(shown.key)[0];

  function queryOf(item, more) {
    return new URLSearchParams({ metric: item.metric, device: item.device, ...more });
  }

  /** Until when sums are asked for: of an hour or a day that was not over at a replayed moment, all would be told. */
  function wholeSums(end, span) {
    if (!ioc.replay.isOn()) return new Date(end).toISOString();
    const whole = span === "year" ? 24 * 3600e3 : 3600e3;
    return new Date(Math.floor((end + ZONE_MS) / whole) * whole - ZONE_MS).toISOString();
  }

  /** Fetches the course and the rain over it; what is drawn stays until they are there. */
  async function ask() {
    const own = shown;
    const item = charted();
    const end = ioc.replay.now();
    const begin = end - SPANS[own.span] * 86400e3;
    const times = { from: new Date(begin).toISOString(), to: new Date(end).toISOString() };
    const asked = `${shown.series} ${own.span} ${end}`;
    own.asked = asked;
    const series = (one, more) => ioc.service.get(`/stations/${encodeURIComponent(one.station || one.device)}/series?${queryOf(one, { ...times, ...more })}`);
    const rainy = rainOf();
    const hanging = RAIN.test(item.metric);
    try {
      const sums = hanging ? item : rainy;
      const [course, rain] = await Promise.all([
        hanging ? null : series(item, { points: POINTS }),
        // Without rain over it a course is whole.
        sums ? series(sums, { per: own.span === "year" ? "day" : "hour", to: wholeSums(end, own.span) }).catch((problem) => { if (hanging) throw problem; }) : null]);
      if (own !== shown || own.asked !== asked) return;
      own.answers = { item, course, rain, hanging, begin, end, gauge: sums && sums.station !== item.station ? sums : null };
      own.problem = null;
    } catch (problem) {
      if (own !== shown || own.asked !== asked) return;
      own.problem = problem;
    }
    drawCourse(document.getElementById("station-course"));
  }

  function marksOf(limits) {
    const named = { guard: "guard", warning: "warning", design: "guaranteed", lower: "limit", upper: "limit" };
    return Object.entries(limits).map(([name, value]) => ({ name: ioc.text(`station_limit_${name}`), level: named[name], value }));
  }

  function chart({ item, course, rain, hanging, begin, end }) {
    const name = item.metric_name || item.metric;
    const datum = datumOf(item);
    const write = (value) => bare({ value, unit: item.unit }).split(" ")[0];
    return new ioc.stationChart.StationChart({
      points: course?.points || [], readings: course?.readings || 0, source: course?.source, marks: course ? marksOf(course.limits) : [],
      interval_s: item.interval_s, wanted: POINTS, begin, end, hanging, unit: item.unit, write,
      axis: hanging ? name : `${item.unit || ""}${datum}`, words: `${name}${datum}${ioc.text("comma")}${ioc.text("station_chart_keys")}`,
    }, rain);
  }

  function drawCourse(node) {
    if (!node) return;
    const { answers, problem } = shown;
    shown.chart = answers ? chart(answers) : null;
    node.replaceChildren(
      el("h3", {}, ioc.text("station_course")),
      chooser(),
      problem ? ioc.service.note(problem, () => ask()) : shown.chart?.node || el("p", { class: "quiet station-waiting", role: "status" }, ioc.text("record_busy")),
      foot());
  }

  function chooser() {
    const choose = (changes) => {
      Object.assign(shown, changes);
      for (const button of document.querySelectorAll("#station-course [data-span]")) button.setAttribute("aria-pressed", String(button.dataset.span === shown.span));
      document.querySelector("#station-course .station-chart")?.classList.add("waiting");
      ask();
    };
    const items = itemsOf(shown.key);
    return el("div", { class: "station-choice" },
      items.length > 1 ? el("select", { "aria-label": ioc.text("station_metric"), onchange: (event) => choose({ series: event.target.value }) },
        items.map((item) => el("option", { value: seriesOf(item), selected: seriesOf(item) === seriesOf(charted()) }, item.metric_name || item.metric))) : null,
      el("div", { class: "segments", role: "group", "aria-label": ioc.text("station_span") }, Object.keys(SPANS).map((span) =>
        el("button", { type: "button", "data-span": span, "aria-pressed": String(span === shown.span), onclick: () => choose({ span }) }, ioc.text(`station_span_${span}`)))));
  }

  /** Whose rain it is, and the readings as a file where the layer may be taken away. */
  function foot() {
    const { answers } = shown;
    if (!answers) return el("div", { id: "station-foot" });
    const { item, begin, end, gauge } = answers;
    const layer = ioc.layers.find(layerOf("reading").card.layer);
    const address = `/stations/${encodeURIComponent(item.station || item.device)}/export?${queryOf(item, { from: new Date(begin).toISOString(), to: new Date(end).toISOString(), lang: ioc.memory.language })}`;
    const name = item.metric_name || item.metric;
    return el("div", { id: "station-foot", class: "station-foot quiet" },
      answers.rain && gauge ? el("span", {}, ioc.text("station_rain_of", { name: gauge.name || gauge.device, distance: Math.round(distance(item, gauge)) })) : null,
      layer?.downloadable ? el("a", { href: address, download: "" }, ioc.text("station_csv")) : null,
      ioc.stationQuestion.period({ device: item.device, metric: item.metric, name, begin, end }));
  }

  const refresh = (id, made) => document.getElementById(id)?.replaceWith(made());

  /** Items have changed: the card follows with what it shows of them. */
  function changed(layer, keys) {
    if (!isShown()) {
      if (layer.topic === "reading" && (keys.has(shown.key) || keys.has(keyOf(ioc.recordCard.chosen())))) ioc.recordCard.redraw();
      return;
    }
    if (layer.topic === "alarm") refresh("station-alarms", alarms);
    if (layer.topic !== "reading" || !keys.has(shown.key)) return;
    refresh("live-values", values);
    const item = charted();
    if (shown.chart && shown.answers.item && seriesOf(item) === seriesOf(shown.answers.item) && !shown.answers.hanging) {
      shown.chart.add(Date.parse(item.at), item.value);
      const { points, begin, end } = shown.chart.course;
      Object.assign(shown.answers, { begin, end }, { course: { ...shown.answers.course, points } });
    }
  }

  const isShown = () => document.getElementById("station-card") && itemsOf(shown.key).length > 0;

  /** The map shows another moment: ages count up to it, and so does the course. */
  function moved({ playing }) {
    const stopped = played && !playing;
    played = playing;
    if (!isShown()) return;
    refresh("live-values", values);
    refresh("station-asking", () => ioc.stationQuestion.part(asked()));
    const behind = ioc.replay.now() - shown.answers?.end;
    if (stopped || behind < 0 || behind > MOST_BEHIND_MS) ask();
  }

  function start() {
    setInterval(() => {
      if (document.hidden || !isShown()) return;
      refresh("live-values", values);
      // Not under somebody's hands: who is choosing a neighbour would lose the place.
      if (!document.getElementById("station-neighbours")?.contains(document.activeElement)) refresh("station-neighbours", neighbours);
    }, REFRESH_MS);
    ioc.on("replay", moved);
    ioc.stationPicture.start(() => itemsOf(shown.key).map(({ device }) => device));
  }

  ioc.stationCard = { start, part, changed, keyOf };
})();
