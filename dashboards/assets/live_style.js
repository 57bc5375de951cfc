/* How a feature of a live layer looks: its style (MapLibre's language, as far as live styles use it), evaluated. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});

  const all = (parts) => parts.map(compiled);

  /** By operator: from its operands to a function of a feature's properties and the zoom (as tiles count it). */
  const OPERATORS = {
    literal: ([value]) => () => value,
    zoom: () => (_, zoom) => zoom,
    get: ([name]) => (of) => of[name] ?? null,
    has: ([name]) => (of) => name in of,
    "!": ([part]) => not(compiled(part)),
    all: (parts) => every(all(parts)),
    in: (parts) => pair(all(parts), (one, many) => many.includes(one)),
    "<": (parts) => pair(all(parts), (one, other) => one < other),
    ">=": (parts) => pair(all(parts), (one, other) => one >= other),
    "-": (parts) => pair(all(parts), (one, other) => one - other),
    log10: ([part]) => logarithm(compiled(part)),
    coalesce: (parts) => coalesce(all(parts)),
    match: ([input, ...rest]) => match(compiled(input), rest),
    interpolate: ([, input, ...stops]) => interpolate(compiled(input), stops),
  };

  const not = (part) => (of, zoom) => !part(of, zoom);
  const every = (parts) => (of, zoom) => parts.every((part) => part(of, zoom));
  const pair = ([one, other], join) => (of, zoom) => join(one(of, zoom), other(of, zoom));
  const logarithm = (part) => (of, zoom) => Math.log10(part(of, zoom));
  const coalesce = (parts) => (of, zoom) => parts.reduce((found, part) => found ?? part(of, zoom), null);

  /** Labels and what they stand for in turn; the last is for all others. */
  function match(input, rest) {
    const found = new Map();
    for (let n = 0; n + 1 < rest.length; n += 2) for (const label of [rest[n]].flat()) found.set(label, compiled(rest[n + 1]));
    const otherwise = compiled(rest.at(-1));
    return (of, zoom) => (found.get(input(of, zoom)) || otherwise)(of, zoom);
  }

  /** Linear between stops (a number and what it stands for in turn), level before and after them. */
  function interpolate(input, stops) {
    const places = stops.filter((_, n) => n % 2 === 0);
    const values = stops.filter((_, n) => n % 2 === 1);
    return (of, zoom) => {
      const at = input(of, zoom);
      const next = places.findIndex((place) => place >= at);
      if (next <= 0) return next < 0 ? values.at(-1) : values[0];
      const part = (at - places[next - 1]) / (places[next] - places[next - 1]);
      return values[next - 1] + (values[next] - values[next - 1]) * part;
    };
  }

  function compiled(expression) {
    if (!Array.isArray(expression)) return () => expression;
    const [operator, ...operands] = expression;
    if (!OPERATORS[operator]) throw new Error(`Live styles do not know “${operator}”.`);
    return OPERATORS[operator](operands);
  }

  /** Properties as a function that evaluates them all; those of the style take the place of what is usual. */
  function properties(usual, stated, prefix) {
    const named = Object.entries(usual).map(([name, value]) => [name, compiled(stated?.[`${prefix}${name}`] ?? value)]);
    return (of, zoom) => Object.fromEntries(named.map(([name, value]) => [name, value(of, zoom)]));
  }

  const CIRCLE = { radius: 5, color: "#000000", opacity: 1, "stroke-color": "#000000", "stroke-width": 0 };
  const ICON = { image: null, size: 1, rotate: 0 };
  const TEXT = { field: null, size: 16, anchor: "center", "allow-overlap": false };
  const INK = { color: "#000000", "halo-color": "transparent", "halo-width": 0 };

  function circle({ paint }) {
    return properties(CIRCLE, paint, "circle-");
  }

  /** Sizes are pixels, offsets parts of the text's size; a smaller `order` is placed before others. */
  function symbol({ layout, paint }) {
    const icon = layout["icon-image"] && properties(ICON, layout, "icon-");
    const text = layout["text-field"] && properties(TEXT, layout, "text-");
    const ink = properties(INK, paint, "text-");
    const order = compiled(layout["symbol-sort-key"] ?? 0);
    const fixed = { offset: layout["text-offset"] || [0, 0], weight: /medium/i.test(layout["text-font"]?.[0]) ? 500 : 400 };
    return (of, zoom) => ({
      icon: icon ? icon(of, zoom) : null,
      text: text ? { ...text(of, zoom), ...ink(of, zoom), ...fixed, order: order(of, zoom) } : null,
    });
  }

  function partOf(layer) {
    const isShown = layer.filter ? compiled(layer.filter) : () => true;
    const look = { circle, symbol }[layer.type](layer);
    const [least, most] = [layer.minzoom ?? 0, layer.maxzoom ?? Infinity];
    return (of, zoom) => (zoom >= least && zoom < most && isShown(of, zoom) ? look(of, zoom) : null);
  }

  /** From a style's layers: a function of properties and zoom that gives how each of them draws it, or null. */
  function evaluator(style) {
    const parts = style.map(partOf);
    return (of, zoom) => parts.map((part) => part(of, zoom));
  }

  ioc.liveStyle = { evaluator };
})();
