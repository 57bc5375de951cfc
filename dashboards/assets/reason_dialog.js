/* Asks for a reason in a dialog of the page. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const LONGEST = 500;

  /** The reason that is given, null when the dialog is left. */
  function ask(question, detail, act) {
    return new Promise((resolve) => {
      const reason = el("textarea", { id: "reason-text", required: true, maxlength: LONGEST, rows: 3 });
      const answer = (event) => {
        event.preventDefault();
        if (!reason.value.trim()) return reason.focus();
        dialog.returnValue = reason.value.trim();
        return dialog.close(dialog.returnValue);
      };
      const dialog = el("dialog", { id: "reason-dialog", class: "reason-dialog", "aria-labelledby": "reason-title", onclose: () => {
        dialog.remove();
        resolve(dialog.returnValue || null);
      } }, el("form", { class: "edit-form", onsubmit: answer },
        el("h2", { id: "reason-title" }, question), el("p", { class: "quiet" }, detail),
        el("label", { class: "edit-reason" }, ioc.text("edit_undo_reason"), reason),
        el("div", { class: "edit-foot" }, el("button", { type: "submit", class: "edit-send", id: "reason-send" }, act),
          el("button", { type: "button", class: "text-button", onclick: () => dialog.close("") }, ioc.text("edit_cancel")))));
      // Escape belongs to the dialog alone while it is open.
      dialog.addEventListener("keydown", (event) => event.stopPropagation());
      document.body.append(dialog);
      dialog.showModal();
    });
  }

  ioc.reasonDialog = { ask };
})();
