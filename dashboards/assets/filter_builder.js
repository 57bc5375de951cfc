/* The builder of a layer's filter: one line per condition that reads like a part of the sentence. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const OFFERED = 40;
  const drafts = new Map(); // what is being written, by layer

  const draftOf = (layer) => {
    if (!drafts.has(layer.id)) drafts.set(layer.id, (ioc.filters.of(layer.id) || []).map((one) => [...one]));
    return drafts.get(layer.id);
  };

  function firstCondition(layer) {
    const field = layer.fields.find((one) => one.kind === "text" && one.name !== "code") || layer.fields[0];
    return [field.name, ioc.layers.operators(field.kind)[0], ""];
  }

  /** The builder as an element; it draws itself anew as conditions come and go. */
  function element(layer) {
    const root = el("div", { class: "filter-builder", "data-filter": layer.id });
    const draw = () => root.replaceChildren(...lines(layer, draw), tools(layer, draw));
    if (!draftOf(layer).length) draftOf(layer).push(firstCondition(layer));
    draw();
    return root;
  }

  function lines(layer, draw) {
    return draftOf(layer).map((condition, index) =>
      el("div", { class: "condition" },
        el("span", { class: "quiet" }, index ? ioc.text("filter_and").trim() : ioc.text("filter_where")),
        fieldChoice(layer, condition, draw), operatorChoice(layer, condition, draw), ...valueInputs(layer, condition, index),
        ioc.layerPanel.iconButton("close", ioc.text("filter_remove"), () => { draftOf(layer).splice(index, 1); draw(); })));
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
    return el("div", { class: "filter-tools" },
      el("button", { type: "button", class: "text-button", onclick: () => { draftOf(layer).push(firstCondition(layer)); draw(); } }, ioc.text("filter_add")),
      el("button", { type: "button", class: "text-button", onclick: () => { drafts.delete(layer.id); ioc.filters.set(layer.id, null); draw(); } }, ioc.text("filter_clear")),
      el("button", { type: "button", class: "text-button strong", "data-act": "apply-filter", onclick: () => apply(layer) }, ioc.text("filter_apply")));
  }

  function apply(layer) {
    const complete = draftOf(layer).filter((one) => one.slice(2).every((value) => value !== "" && !Number.isNaN(value)));
    if (complete.length && !ioc.filters.isSound(layer, complete)) return;
    ioc.filters.set(layer.id, complete.map((one) => [...one]));
  }

  ioc.on("filter", (id) => drafts.delete(id));

  ioc.filterBuilder = { element };
})();
