/* The page's own data (texts, themes, symbols, settings), remembered choices and small helpers for elements. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const page = JSON.parse(document.getElementById("ioc-page").textContent);
  const MEMORY = "ioc.one_map";

  ioc.page = page;
  ioc.events = new EventTarget();

  /** Tells all modules that something changed: theme, language, layers, record. */
  ioc.tell = (name, detail) => ioc.events.dispatchEvent(new CustomEvent(name, { detail }));
  ioc.on = (name, listener) => ioc.events.addEventListener(name, (event) => listener(event.detail));

  function readMemory() {
    try {
      return JSON.parse(localStorage.getItem(MEMORY)) || {};
    } catch {
      return {}; // storage switched off, or written by another version
    }
  }

  /** Language and theme are cookies, for the pages that the server makes follow them too. */
  function chosen(cookie, known) {
    const value = new RegExp(`(?:^|; )${cookie}=(\\w+)`).exec(document.cookie)?.[1];
    return known.includes(value) ? value : known[0];
  }

  function choose(cookie, value) {
    document.cookie = `${cookie}=${value}; path=/; max-age=31536000; samesite=lax`;
  }

  ioc.memory = Object.assign({ layers: {}, opacity: {}, grouping: "theme" }, readMemory(), {
    theme: chosen("ioc_theme", ["night", "day", "print"]),
    language: chosen("ioc_lang", ["zh", "en"]),
  });

  ioc.remember = function (changes) {
    Object.assign(ioc.memory, changes);
    try {
      localStorage.setItem(MEMORY, JSON.stringify(ioc.memory));
    } catch {
      // a browser that stores nothing still works; it only forgets
    }
  };

  /** The interface text of a key in the chosen language, with {name} replaced. */
  ioc.text = function (key, values) {
    const text = page.texts[ioc.memory.language][key];
    return text.replace(/\{(\w+)\}/g, (_, name) => (values && name in values ? values[name] : ""));
  };

  /** A moment as the district's clocks show it; without `year` for what is recent. */
  ioc.clock = function (moment, { year = true } = {}) {
    const parts = { timeZone: "Asia/Shanghai", hour12: false, month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" };
    return new Date(moment).toLocaleString(ioc.memory.language === "zh" ? "zh-CN" : "sv-SE", year ? { ...parts, year: "numeric" } : parts);
  };

  /** The zh or en variant of a catalogue entry: title_zh/title_en, label_zh/label_en … */
  ioc.named = (thing, field) => thing[`${field}_${ioc.memory.language}`] || thing[`${field}_zh`] || "";

  ioc.token = (name) => page.themes[ioc.memory.theme][name];

  /** An element with attributes, `on…` listeners and children; null children are left out. */
  ioc.element = function (tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return node;
  };

  const ICONS = {
    search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5 20 20",
    close: "M6 6l12 12M18 6 6 18",
    info: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 11v5M12 8v.2",
    chevron: "M8 10l4 4 4-4",
    panel: "M4 5h16v14H4zM9.5 5v14",
    full: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
    plus: "M12 5v14M5 12h14",
    minus: "M5 12h14",
    home: "M4 11l8-7 8 7M6 9.5V20h12V9.5",
    target: "M12 7a5 5 0 1 0 0 10 5 5 0 0 0 0-10zM12 2v4M12 18v4M2 12h4M18 12h4",
    copy: "M9 9h11v11H9zM5 15H4V4h11v1",
    user: "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4.5 20c.5-4 3.5-6 7.5-6s7 2 7.5 6",
    layers: "M12 4l9 5-9 5-9-5zM4 13.5l8 4.5 8-4.5",
    tool_radius: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 12h8M12 11.5v1",
    tool_buffer: "M5 17 11 9l4 4 5-7M3 14l7-9M9 17l2-3 5 5 5-8",
    tool_polygon: "M6 8l7-4 6 6-3 9-9-1zM5 7h2v2H5zM15 18h2v2h-2z",
    tool_area: "M4 5l5-1 6 2 5-1v14l-5 1-6-2-5 1zM9 4v14M15 6v14",
    tool_length: "M3 15 15 3l6 6L9 21zM7 11l2 2M10 8l3 3M13 5l2 2",
    tool_surface: "M5 5h14v14H5zM5 12h3M12 5v3M9 19l10-10M14 19l5-5",
    tool_replay: "M4 12a8 8 0 1 0 2.6-5.9M4 4v4h4M12 8v4.5l3 2",
    play: "M8 5l11 7-11 7z",
    pause: "M8.5 5v14M15.5 5v14",
    back: "M17 6l-8 6 8 6zM6.5 6v12",
    forward: "M7 6l8 6-8 6zM17.5 6v12",
    edit_add: "M12 5v14M5 12h14M4 4h16v16H4z",
    tool_nearest: "M12 21s-7-6.5-7-11.5a7 7 0 0 1 14 0C19 14.5 12 21 12 21zM9 10h6M12 7v6",
    bell: "M6 17h12l-1.5-2.5V10a4.5 4.5 0 0 0-9 0v4.5zM10.5 19.5a1.6 1.6 0 0 0 3 0",
    sound: "M4 10v4h3.5l5 4V6l-5 4zM16 9.5a3.5 3.5 0 0 1 0 5M18.5 7a7 7 0 0 1 0 10",
    sound_off: "M4 10v4h3.5l5 4V6l-5 4zM16 9.5l5 5M21 9.5l-5 5",
    pin: "M12 21s-7-6.5-7-11.5a7 7 0 0 1 14 0C19 14.5 12 21 12 21zM12 7.5a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.4z",
  };

  /** A line icon of the interface. */
  ioc.icon = function (name) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("class", "icon");
    svg.setAttribute("aria-hidden", "true");
    const path = document.createElementNS(svg.namespaceURI, "path");
    path.setAttribute("d", ICONS[name]);
    svg.append(path);
    return svg;
  };

  /** A symbol of the map in a colour, as an element for lists and legends. */
  ioc.symbol = function (name, colour) {
    const holder = ioc.element("span", { class: "symbol", "aria-hidden": "true", style: `color:${colour}` });
    holder.innerHTML = page.symbols[name] || "";
    return holder;
  };

  ioc.applyTheme = function (theme) {
    ioc.memory.theme = theme;
    choose("ioc_theme", theme);
    document.documentElement.dataset.theme = theme;
    ioc.tell("theme", theme);
  };

  ioc.applyLanguage = function (language) {
    ioc.memory.language = language;
    choose("ioc_lang", language);
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
    document.title = ioc.text("page_title");
    ioc.tell("language", language);
  };
})();
