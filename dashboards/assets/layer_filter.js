/* Filters by attribute: kept per layer, sent with every question about it, and said as a sentence. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  ioc.memory.filters = ioc.memory.filters || {};

  const of = (id) => ioc.memory.filters[id] || null;
  const fieldOf = (layer, name) => layer.fields.find((field) => field.name === name);

  const MOST_CONDITIONS = 24;
  const DEEPEST = 2;

  /** ["or", condition…] and ["and", condition…]; a field of such a name goes on with an operator. */
  const isGroup = (part) => Array.isArray(part) && ["and", "or"].includes(part[0]) && part.slice(1).every(Array.isArray);

  const sizeOf = (parts) => parts.reduce((sum, part) => sum + (isGroup(part) ? sizeOf(part.slice(1)) : 1), 0);

  /** Whether the conditions are ones that the layer's fields know: links may carry anything. */
  const isSound = (layer, parts) => Array.isArray(parts) && soundParts(layer, parts, 0) && sizeOf(parts) <= MOST_CONDITIONS;

  const soundParts = (layer, parts, depth) =>
    parts.length > 0 && depth <= DEEPEST && parts.every((part) => (isGroup(part) ? soundParts(layer, part.slice(1), depth + 1) : soundCondition(layer, part)));

  function soundCondition(layer, condition) {
    if (!Array.isArray(condition)) return false;
    const [name, operator, ...values] = condition;
    const field = fieldOf(layer, name);
    if (!field || !ioc.layers.operators(field.kind).includes(operator)) return false;
    const kind = field.kind === "number" ? Number.isFinite : (value) => typeof value === "string" && value.length <= 200;
    return values.every(kind) && enough(operator, values.length);
  }

  const NUMBER_OF_VALUES = { is_empty: 0, is_not_empty: 0, between: 2, contains: 1, starts_with: 1, greater: 1, less: 1 };
  const enough = (operator, count) => (operator in NUMBER_OF_VALUES ? count === NUMBER_OF_VALUES[operator] : count >= 1 && count <= 60);

  /** Keeps those filters that are sound for the layers there are: the server would refuse the others. */
  function keepSound() {
    const sound = Object.entries(ioc.memory.filters).filter(([id, conditions]) => {
      const layer = ioc.layers.find(id);
      return layer && isSound(layer, conditions);
    });
    ioc.memory.filters = Object.fromEntries(sound);
  }

  function set(id, conditions) {
    const filters = { ...ioc.memory.filters };
    if (conditions?.length) filters[id] = conditions;
    else delete filters[id];
    ioc.remember({ filters });
    ioc.tell("filter", id); // before the panel is drawn anew: what was being written is forgotten
    ioc.layers.changed();
  }

  /** The filter of a layer as a part of an address, beginning with & or empty. */
  function query(id) {
    return of(id) ? `&filter=${encodeURIComponent(JSON.stringify(of(id)))}` : "";
  }

  const wordOf = (operator, kind) => {
    const dated = kind === "date" && (operator === "greater" || operator === "less");
    return ioc.text(`operator_${dated ? `${operator}_date` : operator}`);
  };

  const known = new Map(); // texts of coded values, by layer, field and value
  const remember = (id, name, value, text) => known.set(`${id}/${name}/${value}`, text);

  function valueText(layer, field, value) {
    if (field.kind === "number") return `${value}${field.unit ? ` ${field.unit}` : ""}`;
    const text = known.get(`${layer.id}/${field.name}/${value}`);
    const entry = (layer.legend || []).find((one) => one.value === value);
    return (text || entry)?.[ioc.memory.language] || value;
  }

  function conditionSentence(layer, [name, operator, ...values]) {
    const field = fieldOf(layer, name);
    const joint = ioc.text(operator === "between" ? "filter_to" : "filter_or");
    return [ioc.named(field, "label"), wordOf(operator, field.kind), values.map((value) => valueText(layer, field, value)).join(joint)].filter(Boolean).join(" ");
  }

  /** 材质 是 混凝土 且（管径 小于 600 mm 或 年代 早于 1990-01-01）. */
  function sentence(layer, parts, joint = "and") {
    if (parts.length === 1 && isGroup(parts[0])) return sentence(layer, parts[0].slice(1), parts[0][0]);
    const said = (part) => (isGroup(part) ? ioc.text("filter_group", { group: sentence(layer, part.slice(1), part[0]) }) : conditionSentence(layer, part));
    return parts.map(said).join(ioc.text(joint === "and" ? "filter_and" : "filter_else")).replaceAll(" （", "（").replaceAll("） ", "）");
  }

  ioc.filters = { of, set, query, sentence, isSound, isGroup, keepSound, fieldOf, wordOf, remember };
})();
