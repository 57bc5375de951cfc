/* The way to the review queue in the header, with the number of proposals that wait. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const MINUTE = 60_000;
  let open = null;

  function link() {
    if (open === null) return null;
    const number = ioc.element("b", { class: "review-count figures", hidden: !open }, String(open));
    return ioc.element("a", { href: "/review", id: "to-review", class: "text-button" }, ioc.text("review_title"), number);
  }

  async function count() {
    if (open === null) return;
    open = (await ioc.service.getAtLast("/edits/open")).open;
    draw();
  }

  function draw() {
    document.getElementById("to-review")?.remove();
    const node = link();
    if (node) document.getElementById("language-switch").before(node);
  }

  async function start() {
    open = 0;
    ioc.on("language", draw);
    ioc.on("theme", draw);
    await count();
    setInterval(count, MINUTE);
  }

  ioc.reviewBadge = { start, count };
})();
