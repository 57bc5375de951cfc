/* Finding the place of a case that came without one: by its address, by a click on the map, or typed. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const text = (key, values) => ioc.text(`case_${key}`, values);
  const MOST_FOUND = 5;
  const PLACE = /^\s*(-?\d{1,3}(?:\.\d+)?)\s*[,，\s]\s*(-?\d{1,2}(?:\.\d+)?)\s*$/;

  const input = () => document.getElementById("case-place");

  function take(lon, lat) {
    if (!input()) return;
    input().value = `${lon.toFixed(6)}, ${lat.toFixed(6)}`;
    input().setCustomValidity("");
    ioc.caseMap.mark(lon, lat);
  }

  /** What was typed, as degrees; null when it is no place. */
  function read() {
    const found = PLACE.exec(input()?.value || "");
    return found ? { lon: Number(found[1]), lat: Number(found[2]) } : null;
  }

  function typed() {
    const place = read();
    input().setCustomValidity(place ? "" : text("fault_place"));
    if (place) ioc.caseMap.mark(place.lon, place.lat);
  }

  async function find(words, list) {
    if (!words) return;
    const { results } = await ioc.service.get(`/search?${new URLSearchParams({ q: words, limit: MOST_FOUND })}`).catch(() => ({ results: [] }));
    list.replaceChildren(...results.filter((one) => typeof one.lon === "number").map((one) => el("button", { type: "button", class: "quiet", onclick: () => take(one.lon, one.lat) }, one.title)));
  }

  /** The fields of the form, for a case with an address. */
  function fields(address) {
    const list = el("div", { class: "row case-found" });
    const words = el("input", { id: "case-place-words", type: "search", maxlength: 80, value: address || "", onchange: (event) => find(event.target.value.trim(), list) });
    find(address, list);
    ioc.caseMap.pick(take);
    return [el("p", { class: "hint" }, text("locate_how")), el("label", {}, text("locate_by_address"), words), list,
      el("label", {}, text("locate_place"), el("input", { id: "case-place", required: true, autocomplete: "off", placeholder: "114.333100, 30.546100", oninput: typed }))];
  }

  const end = () => ioc.caseMap.pick(null);

  ioc.casePlace = { fields, read, end };
})();
