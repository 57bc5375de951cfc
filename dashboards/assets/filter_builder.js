/* The builder of a layer's filter: one line per condition that reads like a part of the sentence. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const OFFERED = 40;
  const other = { and: "or", or: "and" };
  const drafts = new Map(); // what is being written, by layer: {joint, parts}; a part that is a group: {joint, parts}

  /** A filter as it is written: groups are joined by the other word than what they stand in. */
  function draftOf(layer) {
    if (!drafts.has(layer.id)) {
      const parts = structuredClone(ioc.filters.of(layer.id) || []);
      const whole = parts.length === 1 && ioc.filters.isGroup(parts[0]) ? parts[0] : ["and", ...parts];
      drafts.set(layer.id, groupOf(whole));
    }
    return drafts.get(layer.id);
  }

  const groupOf = ([joint, ...parts]) => ({ joint, parts: parts.map((part) => (ioc.filters.isGroup(part) ? groupOf(part) : part)) });

  function firstCondition(layer) {
    const field = layer.fields.find((one) => one.kind === "text" && one.name !== "code") || layer.fields[0];
    return [field.name, ioc.layers.operators(field.kind)[0], ""];
  }

  /** The builder as an element; it draws itself anew as conditions come and go. */
  function element(layer) {
    const root = el("div", { class: "filter-builder", "data-filter": layer.id });
    const draw = () => root.replaceChildren(...lines(layer, draftOf(layer), draw), tools(layer, draw));
    if (!draftOf(layer).parts.length) draftOf(layer).parts.push(firstCondition(layer));
    draw();
    return root;
  }

  function lines(layer, group, draw, key = "") {
    return group.parts.map((part, index) => {
      const removal = ioc.layerPanel.iconButton("close", ioc.text(part.parts ? "filter_remove_group" : "filter_remove"), () => { group.parts.splice(index, 1); draw(); });
      const word = index ? jointButton(layer, group, draw) : el("span", { class: "quiet" }, key ? "" : ioc.text("filter_where"));
      if (part.parts) {
        const more = el("button", { type: "button", class: "text-button", onclick: () => { part.parts.push(firstCondition(layer)); draw(); } }, ioc.text("filter_add"));
        return el("div", { class: "condition" }, word, el("div", { class: "condition-group", role: "group" }, lines(layer, part, draw, `${index}-`), more), removal);
      }
      return el("div", { class: "condition" }, word, fieldChoice(layer, part, draw), operatorChoice(layer, part, draw), ...valueInputs(layer, part, key + index), removal);
    });
  }

  /** 且 or 或 between the parts of a group: one word for all of them, the other one inside their groups. */
  function jointButton(layer, group, draw) {
    const word = ioc.text(group.joint === "and" ? "filter_and" : "filter_else").trim();
    const turn = () => {
      const whole = draftOf(layer);
      whole.joint = other[whole.joint];
      for (const part of whole.parts) if (part.parts) part.joint = other[whole.joint];
      draw();
    };
    return el("button", { type: "button", class: "joint", title: ioc.text("filter_turn_joint"), "aria-label": `${word} · ${ioc.text("filter_turn_joint")}`, onclick: turn }, word);
  }

  function choice(label, options, chosen, onchange) {
    const select = el("select", { "aria-label": label, onchange: (event) => onchange(event.target.value) },
      options.map(([value, text]) => el("option", { value, selected: value === chosen }, text)));
    return select;
  }

  function fieldChoice(layer, condition, draw) {
    const options = layer.fields.map((field) => [field.name, ioc.named(field, "label")]);
    return choice(ioc.text("filter_field"), options, condition[0], (name) => {
      const field = ioc.filters.fieldOf(layer, name);
      condition.splice(0, condition.length, name, ioc.layers.operators(field.kind)[0], "");
      draw();
    });
  }

  function operatorChoice(layer, condition, draw) {
    const { kind } = ioc.filters.fieldOf(layer, condition[0]);
    const options = ioc.layers.operators(kind).map((operator) => [operator, ioc.filters.wordOf(operator, kind)]);
    return choice(ioc.text("filter_operator"), options, condition[1], (operator) => {
      const wanted = { is_empty: 0, is_not_empty: 0, between: 2 }[operator] ?? 1;
      const values = [...condition.slice(2), "", ""].slice(0, wanted);
      condition.splice(1, condition.length, operator, ...values);
      draw();
    });
  }

  function valueInputs(layer, condition, index) {
    const field = ioc.filters.fieldOf(layer, condition[0]);
    const list = `values-${layer.id}-${index}`;
    const offers = field.kind === "text" && condition[1] !== "contains";
    const inputs = condition.slice(2).map((value, at) =>
      el("input", {
        type: { number: "number", date: "date" }[field.kind] || "text", step: "any", value: shownValue(layer, field, value), list: offers ? list : null,
        "aria-label": ioc.text("filter_value"), placeholder: field.unit || ioc.text("filter_value"), class: "filter-value",
        onfocus: (event) => offers && offer(layer, field, event.target),
        oninput: (event) => { condition[2 + at] = field.kind === "number" ? event.target.valueAsNumber : typed(layer, field, event.target.value); },
        onkeydown: (event) => event.key === "Enter" && apply(layer),
      }));
    return offers ? [...inputs, el("datalist", { id: list })] : inputs;
  }

  const texts = new Map(); // by layer and field: text of a value → the value

  /** A value may be typed as its code or as what the code means. */
  const typed = (layer, field, text) => texts.get(`${layer.id}/${field.name}`)?.get(text) ?? text;

  function shownValue(layer, field, value) {
    for (const [text, code] of texts.get(`${layer.id}/${field.name}`) || []) if (code === value) return text;
    return Number.isNaN(value) ? "" : value;
  }

  async function offer(layer, field, input) {
    const datalist = input.parentElement.querySelector("datalist");
    if (datalist.childElementCount) return;
    const answer = await ioc.service.get(`/layers/${layer.id}/values?field=${field.name}&limit=${OFFERED}`);
    const meanings = new Map();
    for (const one of answer.values) {
      const words = { zh: bare(one.text_zh, one.value), en: bare(one.text_en, one.value) };
      ioc.filters.remember(layer.id, field.name, one.value, words);
      meanings.set(words[ioc.memory.language], one.value);
    }
    texts.set(`${layer.id}/${field.name}`, meanings);
    datalist.replaceChildren(...answer.values.map((one) =>
      el("option", { value: bare(ioc.named(one, "text"), one.value) }, ioc.text("filter_value_count", { count: one.count.toLocaleString("en-US") }))));
  }

  /** 混凝土（T） without its code. */
  const bare = (text, value) => text.replace(`（${value}）`, "");

  function tools(layer, draw) {
    const draft = draftOf(layer);
    const add = (part) => () => { draft.parts.push(part()); draw(); };
    const group = () => ({ joint: other[draft.joint], parts: [firstCondition(layer), firstCondition(layer)] });
    return el("div", { class: "filter-tools" },
      el("button", { type: "button", class: "text-button", "data-act": "add-condition", onclick: add(() => firstCondition(layer)) }, ioc.text("filter_add")),
      el("button", { type: "button", class: "text-button", "data-act": "add-group", title: ioc.text("filter_add_group_long"), onclick: add(group) }, ioc.text("filter_add_group")),
      el("button", { type: "button", class: "text-button", onclick: () => { drafts.delete(layer.id); ioc.filters.set(layer.id, null); draw(); } }, ioc.text("filter_clear")),
      el("button", { type: "button", class: "text-button strong", "data-act": "apply-filter", onclick: () => apply(layer) }, ioc.text("filter_apply")));
  }

  /** The parts that are written to their end; a group of one is that one. */
  function complete(group) {
    const parts = group.parts.flatMap((part) => {
      if (!part.parts) return part.slice(2).every((value) => value !== "" && !Number.isNaN(value)) ? [[...part]] : [];
      const inner = complete(part);
      return inner.length > 1 ? [[part.joint, ...inner]] : inner;
    });
    return parts;
  }

  function apply(layer) {
    const draft = draftOf(layer);
    const parts = complete(draft);
    const whole = draft.joint === "or" && parts.length > 1 ? [["or", ...parts]] : parts;
    if (whole.length && !ioc.filters.isSound(layer, whole)) return;
    ioc.filters.set(layer.id, whole);
  }

  ioc.on("filter", (id) => drafts.delete(id));

  ioc.filterBuilder = { element };
})();
