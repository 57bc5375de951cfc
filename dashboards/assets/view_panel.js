/* Views and sharing: saved views of one's own and of the department, link, picture, embedding. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  let views = [];
  let said = "";

  const root = () => document.getElementById("view-panel");
  const button = () => document.getElementById("show-views");

  function buildButton() {
    document.getElementById("view-tools").replaceChildren(
      el("button", { type: "button", id: "show-views", class: "text-button", "aria-expanded": String(!root().hidden), onclick: () => (root().hidden ? open() : close()) }, ioc.text("views")));
  }

  async function open() {
    root().hidden = false;
    button().setAttribute("aria-expanded", "true");
    draw();
    await load();
  }

  function close() {
    root().hidden = true;
    said = "";
    button().setAttribute("aria-expanded", "false");
  }

  async function load() {
    await told(async () => {
      [{ views }] = await Promise.all([ioc.service.get("/views"), ioc.moments.load()]);
      return said;
    });
  }

  /** Does something and says how it went. */
  async function told(act) {
    try {
      said = (await act()) || "";
    } catch (problem) {
      said = problem.message;
    }
    if (!root().hidden) draw();
  }

  function draw() {
    const name = root().querySelector("#view-name")?.value || "";
    root().setAttribute("aria-label", ioc.text("views"));
    root().replaceChildren(...[
      el("div", { class: "panel-head" }, el("h2", {}, ioc.text("views")), ioc.layerPanel.iconButton("close", ioc.text("views_close"), close, { id: "close-views" })),
      el("form", { class: "view-form", onsubmit: keep },
        el("label", { class: "field" }, el("input", { id: "view-name", maxlength: 80, value: name, autocomplete: "off", placeholder: ioc.text("view_name"), "aria-label": ioc.text("view_name") })),
        el("label", { class: "view-shared" }, el("input", { id: "view-shared", type: "checkbox" }), ioc.text("view_share")),
        el("button", { type: "submit", class: "text-button strong", id: "keep-view" }, ioc.text("view_keep"))),
      views.length ? el("ul", { class: "views" }, views.map(line)) : el("p", { class: "empty" }, ioc.text("views_none")),
      ioc.baseMap.element(),
      ioc.mapSwipe.element(views),
      el("div", { class: "view-acts" },
        act("copy-link", "view_link", () => copy(ioc.viewState.link(), "view_link_copied")),
        act("copy-embed", "view_embed", () => copy(embedding(), "view_embed_copied")),
        act("copy-picture", "picture_copy", () => ioc.mapPicture.copy()),
        act("save-picture", "picture_save", () => ioc.mapPicture.save())),
      el("p", { class: "quiet", role: "status", id: "views-said" }, said),
    ].filter(Boolean));
  }

  const act = (id, key, doing) => el("button", { type: "button", class: "text-button", id, onclick: () => told(doing) }, ioc.text(key));

  const line = (view) =>
    el("li", { "data-view": view.name },
      el("button", { type: "button", class: "view-name", onclick: () => show(view) }, el("span", {}, view.name),
        view.shared ? el("span", { class: "tag", title: view.keeper || "" }, view.own ? ioc.text("view_shared") : view.keeper || ioc.text("view_shared")) : null),
      view.own ? ioc.layerPanel.iconButton("close", ioc.text("view_remove"), () => remove(view)) : null);

  function show(view) {
    const state = ioc.viewState.read(view.state);
    if (state) ioc.viewState.show(state);
    else told(async () => ioc.text("view_unreadable"));
  }

  function keep(event) {
    event.preventDefault();
    const field = document.getElementById("view-name");
    const name = field.value.trim();
    const shared = document.getElementById("view-shared").checked;
    if (!name) return field.focus();
    return told(async () => {
      await ioc.service.post("/views", { name, shared, state: ioc.viewState.current() });
      field.value = "";
      views = (await ioc.service.get("/views")).views;
      return ioc.text("view_kept", { name });
    });
  }

  function remove(view) {
    return told(async () => {
      await ioc.service.remove(`/views/${view.id}`);
      views = (await ioc.service.get("/views")).views;
      return ioc.text("view_removed", { name: view.name });
    });
  }

  /** Copies a text; where the browser forbids that (no HTTPS), shows it to be copied by hand. */
  async function copy(text, key) {
    try {
      await navigator.clipboard.writeText(text);
      return ioc.text(key);
    } catch {
      window.prompt(ioc.text("copy_by_hand"), text);
      return "";
    }
  }

  const embedding = () => `<iframe src="${location.origin}/?view=${ioc.viewState.current()}&embed=1" width="800" height="600" style="border:0" title="${document.title}"></iframe>`;

  function start() {
    buildButton();
    ioc.on("language", () => {
      buildButton();
      if (!root().hidden) draw();
    });
  }

  ioc.viewPanel = { start };
})();
