/* The timeline of the replay: rain from the top, alarms from the bottom, and on them the slider of the moment. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const HEIGHT = 62;
  const PLOT = { top: 4, bottom: 46 };
  const EDGE = 7; // half of the slider's thumb, whose middle is the moment
  const SCRUB_MS = 150; // what is passed over while the thumb is dragged is not fetched
  const TICKS = [1, 3, 6, 12, 24, 72, 240].map((hours) => hours * 3600e3);
  const TICK_WIDTH = 64;
  const ZONE_MS = 8 * 3600e3;

  let span = null; // {begin, end} that the slider goes over
  let answer = null; // what happened in it
  let situations = [];
  let width = 0;
  let waiting = null;

  const slider = () => document.getElementById("replay-slider");
  const minutes = (at) => Math.round(at / ioc.replay.MINUTE);
  const x = (at) => EDGE + ((at - span.begin) / (span.end - span.begin)) * (width - 2 * EDGE);
  const inside = (at) => Math.max(span.begin, Math.min(span.end, at));

  function shape(tag, attributes, ...children) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }

  function build() {
    return el("div", { id: "replay-timeline" },
      el("p", { id: "replay-legend", class: "figures" }), el("div", { id: "replay-drawing", "aria-hidden": "true" }),
      el("input", { type: "range", id: "replay-slider", step: 1, "aria-label": ioc.text("replay_slider"), oninput: scrub, onkeydown: pressed, onpointermove: point, onpointerleave: () => say("") }),
      el("div", { id: "replay-situations" }),
      el("output", { id: "replay-slot", class: "figures", "aria-hidden": "true" }));
  }

  function scrub() {
    const at = Number(slider().value) * ioc.replay.MINUTE;
    slider().setAttribute("aria-valuetext", ioc.clock(at));
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      waiting = null;
      ioc.replay.go(at);
    }, SCRUB_MS);
  }

  /** Arrows step as far as the buttons do. */
  function pressed(event) {
    const sign = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (!sign) return;
    event.preventDefault();
    event.stopPropagation();
    ioc.replay.step(sign);
  }

  /** The slider follows the moment, unless somebody drags it. */
  function place(moment) {
    if (!span || waiting || moment === null) return;
    slider().value = minutes(moment);
    slider().setAttribute("aria-valuetext", ioc.clock(moment));
  }

  /** Shows another span, with what is known to have happened in it. */
  function show(next, found, known) {
    span = next;
    answer = found;
    situations = known;
    Object.assign(slider(), { min: minutes(span.begin), max: minutes(span.end) });
    draw();
  }

  function draw() {
    const node = document.getElementById("replay-drawing");
    if (!node || !span) return;
    width = node.clientWidth;
    const svg = shape("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}` });
    if (answer) svg.append(...bars());
    svg.append(...axis());
    node.replaceChildren(svg);
    document.getElementById("replay-situations").replaceChildren(...situations.filter((one) => begun(one) < span.end && ended(one) > span.begin).map(band));
  }

  const begun = (situation) => Date.parse(situation.began_at);
  const ended = (situation) => (situation.ended_at ? Date.parse(situation.ended_at) : ioc.replay.present());

  function band(situation) {
    const title = ioc.named(situation, "title");
    const label = ioc.text("replay_situation", { title, from: ioc.clock(begun(situation)), to: situation.ended_at ? ioc.clock(ended(situation)) : ioc.text("replay_lasting") });
    const left = x(inside(begun(situation)));
    return el("button", { type: "button", "data-situation": situation.id, title: label, "aria-label": label, style: `left:${left}px;width:${Math.max(8, x(inside(ended(situation))) - left)}px`, onclick: () => ioc.replayPanel.playSituation(situation) }, title);
  }

  function slots() {
    const [begin, step] = [Date.parse(answer.from), answer.step_s * 1000];
    return answer.slots.map(([rain, open, raised], index) => ({ begin: begin + index * step, end: begin + (index + 1) * step, rain, open, raised }));
  }

  /** Slots where no gauge reported are hatched: that is not the same as no rain. */
  function bars() {
    const known = slots();
    const height = PLOT.bottom - PLOT.top;
    const mostRain = Math.max(1, ...known.map(({ rain }) => rain ?? 0));
    const mostOpen = Math.max(5, ...known.map(({ open }) => open));
    const drawn = known.filter(({ end, begin }) => end > span.begin && begin < span.end).flatMap((slot) => {
      const [left, right] = [x(inside(slot.begin)), x(inside(slot.end))];
      const bar = (name, share, top) => shape("rect", { class: name, x: left, width: Math.max(0.5, right - left - 0.7), height: share * height, y: top ? PLOT.top : PLOT.bottom - share * height });
      return [slot.rain === null ? bar("nothing", 1, true) : null, slot.open ? bar("open", (slot.open / mostOpen) * 0.8, false) : null, slot.rain ? bar("rain", (slot.rain / mostRain) * 0.8, true) : null].filter(Boolean);
    });
    const hatch = shape("defs", {}, shape("pattern", { id: "replay-nothing", width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, shape("line", { x1: 0, y1: 0, x2: 0, y2: 5 })));
    const count = answer.step_s < 3600 ? answer.step_s / 60 : answer.step_s / 3600;
    const per = ioc.text(answer.step_s < 3600 ? "replay_minute_span" : "replay_hour_span", { count });
    document.getElementById("replay-legend").replaceChildren(
      el("span", { class: "rain" }, ioc.text("replay_rain_most", { value: Math.max(0, ...known.map(({ rain }) => rain ?? 0)).toFixed(1), span: per })),
      el("span", { class: "open" }, ioc.text("replay_alarms_most", { count: Math.max(0, ...known.map(({ open }) => open)) })));
    return [hatch, ...drawn];
  }

  function axis() {
    const step = TICKS.find((one) => (span.end - span.begin) / one <= width / TICK_WIDTH) || TICKS.at(-1);
    const drawn = [shape("line", { class: "axis", x1: EDGE, x2: width - EDGE, y1: PLOT.bottom, y2: PLOT.bottom })];
    for (let at = Math.ceil((span.begin + ZONE_MS) / step) * step - ZONE_MS; at <= span.end; at += step) {
      const text = new Date(at + ZONE_MS).toISOString();
      const midnight = text.slice(11, 16) === "00:00";
      drawn.push(shape("line", { class: "axis", x1: x(at), x2: x(at), y1: PLOT.bottom, y2: PLOT.bottom + 3 }),
        shape("text", { class: midnight ? "moment day" : "moment", x: Math.max(16, Math.min(width - 16, x(at))), y: PLOT.bottom + 12 }, midnight ? text.slice(5, 10) : text.slice(11, 16)));
    }
    return drawn;
  }

  /** What happened in the slot under the pointer. */
  function point(event) {
    const box = slider().getBoundingClientRect();
    const at = span.begin + ((event.clientX - box.left - EDGE) / (box.width - 2 * EDGE)) * (span.end - span.begin);
    const slot = answer && slots().find(({ begin, end }) => at >= begin && at < end);
    if (!slot) return say("");
    const rain = slot.rain === null ? ioc.text("replay_slot_nothing") : ioc.text("replay_slot_rain", { rain: slot.rain.toFixed(1) });
    return say(`${ioc.clock(slot.begin, { year: false })} · ${rain} · ${ioc.text("replay_slot_alarms", { open: slot.open, raised: slot.raised })}`, event.clientX - box.left);
  }

  function say(text, at = 0) {
    const node = document.getElementById("replay-slot");
    node.textContent = text;
    node.style.left = `${Math.max(110, Math.min(width - 110, at))}px`;
  }

  ioc.replayTimeline = { build, show, draw, place };
})();
