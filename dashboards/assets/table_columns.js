/* The columns of the table: how AG Grid is told of them, which are shown, and what their filters ask for. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  ioc.memory.tables = ioc.memory.tables || {}; // by layer: [{name, width, hide}] in their order

  const TEXT = ["contains", "equals", "notEqual", "startsWith", "blank", "notBlank"];
  const NUMBER = ["equals", "notEqual", "lessThan", "greaterThan", "inRange", "blank", "notBlank"];
  const DATE = ["equals", "lessThan", "greaterThan", "inRange", "blank", "notBlank"];
  const FILTERS = {
    text: ["agTextColumnFilter", TEXT],
    list: ["agTextColumnFilter", ["contains", "blank", "notBlank"]],
    number: ["agNumberColumnFilter", NUMBER],
    date: ["agDateColumnFilter", DATE],
  };
  const OPERATORS = { contains: "contains", equals: "is", notEqual: "is_not", startsWith: "starts_with", lessThan: "less", greaterThan: "greater", inRange: "between", blank: "is_empty", notBlank: "is_not_empty" };

  /** AG Grid's columns for a layer, in the order and with the widths that this viewer has left them. */
  function definitions(layer) {
    const kept = new Map((ioc.memory.tables[layer.id] || []).map((one, index) => [one.name, { ...one, index }]));
    return layer.fields
      .map((field, index) => ({ field, index, own: kept.get(field.name) }))
      .sort((one, other) => (one.own?.index ?? one.index) - (other.own?.index ?? other.index))
      .map(({ field, index, own }) => definition(field, index, own));
  }

  function definition(field, index, own) {
    const [filter, filterOptions] = FILTERS[field.kind] || FILTERS.text;
    const title = ioc.named(field, "label") + (field.unit ? ` (${field.unit})` : "");
    return {
      colId: field.name,
      headerName: title,
      valueGetter: (row) => row.data?.cells[index] ?? "",
      tooltipValueGetter: (row) => row.value,
      type: field.kind === "number" ? "rightAligned" : undefined,
      width: own?.width ?? (field.kind === "text" ? 164 : Math.max(112, title.length * 13 + 60)),
      hide: Boolean(own?.hide),
      filter,
      filterParams: { filterOptions, maxNumConditions: 2, buttons: ["reset"], debounceMs: 400 },
    };
  }

  /** Remembers order, width and choice of the columns. */
  function keep(layer, api) {
    const columns = api.getColumnState().map(({ colId, width, hide }) => ({ name: colId, width, hide: Boolean(hide) }));
    ioc.remember({ tables: { ...ioc.memory.tables, [layer.id]: columns } });
  }

  /** The list from which columns are chosen. */
  function choice(layer, api) {
    const shown = new Map(api.getColumnState().map((one) => [one.colId, !one.hide]));
    const box = (field) => {
      const input = el("input", { type: "checkbox", onchange: (event) => api.setColumnsVisible([field.name], event.target.checked) });
      input.checked = shown.get(field.name);
      return el("label", {}, input, ioc.named(field, "label"));
    };
    return el("div", { id: "table-columns", role: "group", "aria-label": ioc.text("table_columns") }, layer.fields.map(box));
  }

  /** The columns' filters as conditions of a layer's filter. */
  function conditions(layer, model) {
    return Object.entries(model).map(([name, asked]) => {
      if (!asked.operator) return condition(layer, name, asked);
      return [asked.operator.toLowerCase(), ...asked.conditions.map((one) => condition(layer, name, one))];
    });
  }

  function condition(layer, name, asked) {
    const { kind } = ioc.filters.fieldOf(layer, name);
    const given = kind === "date" ? [asked.dateFrom?.slice(0, 10), asked.dateTo?.slice(0, 10)] : [asked.filter, asked.filterTo];
    const wanted = { blank: 0, notBlank: 0, inRange: 2 }[asked.type] ?? 1;
    return [name, OPERATORS[asked.type], ...given.slice(0, wanted)];
  }

  ioc.tableColumns = { definitions, keep, choice, conditions };
})();
