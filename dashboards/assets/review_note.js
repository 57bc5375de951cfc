/* The note written beside a proposal and not sent yet: kept in this tab, so that a session that ends loses nothing. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});

  /** Only for the person who wrote it. */
  const key = (edit) => `ioc.review_note/${ioc.viewer.name}/${edit.id}`;

  function of(edit) {
    try {
      return sessionStorage.getItem(key(edit)) || "";
    } catch {
      return ""; // storage switched off
    }
  }

  function keep(edit, note) {
    try {
      sessionStorage.setItem(key(edit), note);
    } catch {
      // a browser that stores nothing still decides; it only cannot offer the note again
    }
  }

  ioc.reviewNote = { of, keep };
})();
