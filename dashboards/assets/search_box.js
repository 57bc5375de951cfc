/* Search with suggestions: codes, names, pinyin initials, coordinates. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const PAUSE = 160; // milliseconds after the last key before the server is asked
  const LIMIT = 8;
  let results = [];
  let active = -1;
  let asking = null;
  let timer = null;
  let asked = "";

  const input = () => document.getElementById("search-input");
  const list = () => document.getElementById("search-results");

  function build() {
    const label = ioc.text("search");
    const text = input()?.value || "";
    document.getElementById("search-box").replaceChildren(
      el("label", { class: "field" }, ioc.icon("search"),
        el("input", { id: "search-input", type: "text", role: "combobox", autocomplete: "off", spellcheck: "false", value: text, placeholder: label, "aria-label": label, "aria-expanded": "false", "aria-controls": "search-results", "aria-autocomplete": "list", oninput: typed, onkeydown: pressed, onfocus: () => results.length && draw() }),
        el("kbd", { "aria-hidden": "true" }, "/"),
        ioc.layerPanel.iconButton("close", ioc.text("search_clear"), clear, { id: "search-clear", hidden: !text })),
      el("ul", { id: "search-results", role: "listbox", "aria-label": label, hidden: true }));
  }

  function typed() {
    clearTimeout(timer);
    document.getElementById("search-clear").hidden = !input().value;
    if (!input().value.trim()) return hide();
    timer = setTimeout(ask, PAUSE);
    return undefined;
  }

  async function ask() {
    asking?.abort();
    asking = new AbortController();
    const text = input().value.trim();
    try {
      const answer = await ioc.service.get(`/search?${new URLSearchParams({ q: text, limit: LIMIT })}`, { signal: asking.signal });
      results = answer.results;
      asked = text;
      active = results.length ? 0 : -1;
      draw();
    } catch (problem) {
      if (problem.name !== "AbortError") say(problem.message);
    }
  }

  function say(message) {
    results = [];
    list().replaceChildren(el("li", { class: "empty", role: "status" }, message));
    unfold(true);
  }

  function unfold(shown) {
    list().hidden = !shown;
    input().setAttribute("aria-expanded", String(shown));
  }

  function draw() {
    if (!results.length) return say(ioc.text("search_none", { text: asked }));
    list().replaceChildren(...results.map(option));
    input().setAttribute("aria-activedescendant", active >= 0 ? `result-${active}` : "");
    document.getElementById(`result-${active}`)?.scrollIntoView({ block: "nearest" });
    return unfold(true);
  }

  function option(result, index) {
    const layer = ioc.layers.find(result.layer);
    const kind = layer && result.kind !== "case" ? ioc.named(layer, "title") : ioc.text(`kind_${result.kind}`);
    return el("li", { id: `result-${index}`, role: "option", "aria-selected": String(index === active), onmousedown: (event) => { event.preventDefault(); go(result); } },
      layer?.legend?.length ? ioc.layerPanel.swatch(layer.legend[0]) : el("span", { class: "swatch" }, ioc.icon("pin")),
      el("span", { class: "result-words" }, el("b", {}, marked(result.title)), subtitleOf(result)),
      el("span", { class: "quiet" }, kind));
  }

  function subtitleOf(result) {
    const text = ioc.memory.language === "en" ? result.subtitle_en : result.subtitle;
    return text ? el("small", {}, text) : null;
  }

  /** The title with the typed part set off. */
  function marked(title) {
    const at = title.toLowerCase().indexOf(asked.toLowerCase());
    if (at < 0) return [title];
    return [title.slice(0, at), el("mark", {}, title.slice(at, at + asked.length)), title.slice(at + asked.length)];
  }

  async function pressed(event) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!results.length) return;
      active = (active + (event.key === "ArrowDown" ? 1 : -1) + results.length) % results.length;
      draw();
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (input().value.trim() !== asked) {
        clearTimeout(timer);
        await ask();
      }
      if (results[active]) go(results[active]);
    } else if (event.key === "Escape") {
      event.preventDefault();
      if (list().hidden) input().blur();
      hide();
    }
  }

  function go(result) {
    hide();
    input().value = result.title;
    asked = result.title;
    input().blur();
    if (result.lon === null) return void location.assign(`/cases?state=all#${result.id}`); // a case nobody has placed yet
    const drawn = result.open && ioc.liveMap.isOn("live_case"); // among what happens now
    if (result.layer && ioc.layers.find(result.layer) && !ioc.layers.isOn(result.layer) && !drawn) ioc.layers.turn(result.layer, true);
    ioc.mapView.flyTo(result);
    const at = { lon: result.lon, lat: result.lat };
    if (result.layer && result.id !== null && result.id !== undefined) ioc.recordCard.open(result.layer, result.id, result.title, at);
    else ioc.mapView.highlight({ geometry: { type: "Point", coordinates: [result.lon, result.lat] } });
    return undefined;
  }

  function hide() {
    asking?.abort();
    unfold(false);
  }

  function clear() {
    input().value = "";
    results = [];
    document.getElementById("search-clear").hidden = true;
    hide();
    ioc.mapView.highlight(null);
    input().focus();
  }

  function start() {
    build();
    ioc.on("language", build);
    document.addEventListener("click", (event) => {
      if (!event.target.closest("#search-box")) unfold(false);
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "/" && !event.target.closest("input, textarea")) {
        event.preventDefault();
        input().focus();
      }
    });
  }

  ioc.searchBox = { start };
})();
