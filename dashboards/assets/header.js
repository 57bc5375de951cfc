/* The header: name of the district, clock, theme, language, full screen, user menu. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  let viewer = null;

  function build() {
    document.getElementById("header-title").replaceChildren(
      el("strong", {}, ioc.named(ioc.page.settings, "district")),
      el("span", {}, ioc.text("product")),
      ...(ioc.page.settings.synthetic ? [el("span", { class: "tag", title: ioc.text("demo_long") }, ioc.text("demo"))] : []));
    document.getElementById("header-tools").replaceChildren(
      ioc.liveSign.element(),
      ...[ioc.alarmSound.element()].filter(Boolean),
      el("div", { class: "segments", role: "group", "aria-label": ioc.text("theme"), id: "theme-switch" }, ["night", "day", "print"].map((theme) =>
        el("button", { type: "button", "data-theme-name": theme, title: ioc.text(`theme_${theme}_long`), "aria-pressed": String(theme === ioc.memory.theme), onclick: () => ioc.applyTheme(theme) }, ioc.text(`theme_${theme}`)))),
      el("button", { type: "button", class: "text-button", id: "language-switch", title: ioc.text("other_language_long"), onclick: () => ioc.applyLanguage(ioc.memory.language === "zh" ? "en" : "zh") }, ioc.text("other_language")),
      ioc.layerPanel.iconButton("full", ioc.text(document.fullscreenElement ? "leave_full_screen" : "full_screen"), toggleFullScreen, { id: "full-screen" }),
      userMenu(),
      el("time", { id: "clock", class: "figures" }, el("b", {}), el("small", {})));
    tick();
  }

  function userMenu() {
    const menu = el("details", { class: "user-menu", id: "user-menu" },
      el("summary", { "aria-label": ioc.text("user_menu"), class: "icon-button" }, ioc.icon("user")),
      el("div", { class: "menu" },
        el("p", {}, el("b", {}, viewer?.display_name || viewer?.name || ""), el("small", {}, (viewer?.roles || []).map((role) => ioc.text(`role_${role}`)).join(" · "))),
        ...Object.entries(viewer?.pages || {}).map(([key, path]) => el("a", { href: path }, ioc.text(`page_${key}`))),
        el("a", { href: "/account" }, ioc.text("page_own_account")),
        el("form", { method: "post", action: "/sign-out" }, el("button", { type: "submit", id: "sign-out" }, ioc.text("sign_out")))));
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !menu.open) return;
      event.preventDefault();
      menu.open = false;
    });
    return menu;
  }

  function toggleFullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.documentElement.requestFullscreen();
  }

  function tick() {
    const now = new Date();
    const locale = ioc.memory.language === "zh" ? "zh-CN" : "en-GB";
    const zone = { timeZone: "Asia/Shanghai" };
    document.querySelector("#clock b").textContent = now.toLocaleTimeString(locale, { ...zone, hour12: false });
    document.querySelector("#clock small").textContent = now.toLocaleDateString(locale, { ...zone, month: "short", day: "numeric", weekday: "short" });
  }

  async function start() {
    const asked = ioc.service.getAtLast("/whoami");
    build();
    setInterval(tick, 1000);
    ioc.on("language", build);
    ioc.on("theme", build);
    document.addEventListener("fullscreenchange", build);
    document.addEventListener("click", (event) => {
      const menu = document.getElementById("user-menu");
      if (menu.open && !event.target.closest("#user-menu")) menu.open = false;
    });
    ioc.on("alarm-sound", () => document.getElementById("alarm-sound") || build());
    viewer = ioc.viewer = await asked;
    build();
    return viewer;
  }

  ioc.header = { start };
})();
