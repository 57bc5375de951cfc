/* How an edit is told: the fields it changes, before and after, and when. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);

  const when = (moment) => (moment ? ioc.clock(moment, { year: false }) : "");

  /** A table of what was and what is to be. */
  function changes(edit) {
    const cell = (change, side) => change[`${side}_${ioc.memory.language}`];
    const rows = edit.changes.map((change) => el("tr", { "data-change": change.name },
      el("th", { scope: "row" }, ioc.named(change, "label"), change.unit ? ` (${change.unit})` : ""),
      el("td", { class: "was" }, cell(change, "before")), el("td", { class: "is" }, cell(change, "after"))));
    if (edit.moved) {
      const far = edit.metres === null ? "" : ioc.text("edit_moved_by", { metres: edit.metres.toFixed(1) });
      rows.push(el("tr", { "data-change": "geom" }, el("th", { scope: "row" }, ioc.text("edit_place")), el("td", {}), el("td", { class: "is" }, far)));
    }
    if (!rows.length) return null;
    return el("table", { class: "edit-changes" },
      el("thead", {}, el("tr", {}, el("th", {}, ioc.text("edit_field")), el("th", {}, ioc.text("edit_before")), el("th", {}, ioc.text("edit_after")))), el("tbody", {}, rows));
  }

  ioc.edits = { when, changes };
})();
