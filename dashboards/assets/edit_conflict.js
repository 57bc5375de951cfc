/* A feature that somebody else has changed while it was being edited: what changed, and how to go on. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const text = (key, values) => ioc.text(`edit_${key}`, values);

  const plain = (value) => (value === null || value === undefined ? "" : String(value));
  const same = (one, other) => JSON.stringify(one ?? null) === JSON.stringify(other ?? null);

  function word(field, value) {
    const choice = field.choices.find((one) => one.value === plain(value));
    return choice ? choice[ioc.memory.language] : plain(value);
  }

  /** What is another in the feature now (`present`) than when the form was opened. */
  function changes(draft, present) {
    return draft.fields
      .filter((field) => !same(draft.base[field.name], present.values[field.name]))
      .map((field) => ({ field, was: word(field, draft.base[field.name]), is: word(field, present.values[field.name]), mine: plain(draft.values[field.name]) !== plain(draft.base[field.name]) ? word(field, draft.values[field.name]) : null }));
  }

  /** The feature's form goes on from its present state; what its editor has written stays. */
  function goOn(draft, present) {
    for (const field of draft.fields) {
      const touched = plain(draft.values[field.name]) !== plain(draft.base[field.name]);
      if (!touched) draft.values[field.name] = present.values[field.name];
    }
    Object.assign(draft, { base: { ...present.values }, original: present.geometry, revision: present.revision, present: null, problems: [] });
  }

  /** The notice above the form; `done` is called when the editor has seen it and goes on. */
  function notice(draft, done) {
    const { present } = draft;
    if (!present.may_propose) return el("section", { class: "edit-conflict", role: "alert" }, el("h3", {}, text("gone")), el("p", {}, text("gone_note")));
    const rows = changes(draft, present);
    const moved = !same(draft.original, present.geometry);
    const last = present.history.find((edit) => edit.state === "accepted" && edit.kind !== "photo");
    const head = (key) => el("th", { scope: "col" }, text(key));
    return el("section", { class: "edit-conflict", role: "alert", id: "edit-conflict" },
      el("h3", {}, text("changed_meanwhile")),
      last ? el("p", {}, text("changed_by", { person: last.proposer, when: ioc.edits.when(last.decided_at), reason: last.reason })) : null,
      el("table", { class: "edit-changes" },
        el("thead", {}, el("tr", {}, head("field"), head("opened"), head("now"), head("mine"))),
        el("tbody", {}, ...rows.map((row) => el("tr", { "data-change": row.field.name },
          el("th", { scope: "row" }, ioc.named(row.field, "label")), el("td", { class: "was" }, row.was), el("td", { class: "is" }, row.is), el("td", {}, row.mine ?? "—"))),
        moved ? el("tr", { "data-change": "geom" }, el("th", { scope: "row" }, text("place")), el("td", {}), el("td", { class: "is" }, text("moved")), el("td", {}, draft.geometry ? text("moved") : "—")) : null)),
      el("p", { class: "quiet" }, text("go_on_note")),
      el("button", { type: "button", class: "edit-send", id: "edit-go-on", onclick: () => {
        goOn(draft, present);
        done();
      } }, text("go_on")));
  }

  ioc.editConflict = { notice };
})();
