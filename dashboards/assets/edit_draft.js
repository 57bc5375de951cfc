/* What was written into an edit form and not sent yet: kept in this tab, so that a session that ends loses nothing. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const PREFIX = "ioc.edit_draft/";

  const layerOf = (draft) => draft.target?.layer || draft.feature.layer;
  const keyOf = (draft) => `${PREFIX}${layerOf(draft)}/${draft.feature?.id ?? "new"}`;

  /** The fields that the editor has written; the others follow the feature as it is when it is opened again. */
  const written = (draft) => Object.fromEntries(Object.entries(draft.values).filter(([name, value]) => value !== draft.base[name]));

  function keep(draft) {
    const { kind, geometry, reason } = draft;
    const kept = {
      kind, geometry, reason, values: written(draft), layer: layerOf(draft), dataset: draft.target?.dataset,
      id: draft.feature?.id ?? null, title: draft.feature?.title || ioc.named(draft.target, "title"), who: ioc.viewer?.name, at: Date.now(),
    };
    try {
      sessionStorage.setItem(keyOf(draft), JSON.stringify(kept));
    } catch {
      // a browser that stores nothing still edits; it only cannot offer it again
    }
  }

  /** Only to the person who wrote it. */
  function read(key) {
    try {
      const kept = JSON.parse(sessionStorage.getItem(key));
      return kept && kept.who === ioc.viewer?.name ? kept : null;
    } catch {
      return null; // storage switched off
    }
  }

  const of = (draft) => read(keyOf(draft));
  const drop = (kept) => sessionStorage.removeItem(`${PREFIX}${kept.layer}/${kept.id ?? "new"}`);
  const dropOf = (draft) => sessionStorage.removeItem(keyOf(draft));

  /** The draft written last, of any feature. */
  function last() {
    const keys = Object.keys(sessionStorage).filter((key) => key.startsWith(PREFIX));
    return keys.map(read).filter(Boolean).sort((one, other) => other.at - one.at)[0] || null;
  }

  function restore(draft, kept) {
    Object.assign(draft.values, kept.values);
    Object.assign(draft, { reason: kept.reason, geometry: kept.geometry || draft.geometry });
  }

  /** Asks whether to go on with what was written; both answers are a button. */
  const offer = (kept, goOn, leave) =>
    el("div", { class: "edit-kept", role: "status", id: "edit-kept" },
      el("p", {}, ioc.text("edit_kept", { title: kept.title, time: ioc.clock(kept.at, { year: false }) })),
      el("button", { type: "button", class: "text-button strong", id: "edit-kept-go-on", onclick: goOn }, ioc.text("edit_kept_go_on")),
      el("button", { type: "button", class: "text-button", id: "edit-kept-leave", onclick: leave }, ioc.text("edit_kept_leave")));

  ioc.editDraft = { keep, of, drop, dropOf, last, restore, offer };
})();
