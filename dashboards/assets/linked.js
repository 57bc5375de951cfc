/* What belongs to the feature of the record card in other layers, as rows that lead there. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  let known = { key: null, links: null }; // of the feature shown last

  /** The part of the card for a feature; it fills when the server has answered. */
  function part(feature) {
    const key = `${feature.layer}/${feature.id}`;
    const node = el("div", { class: "linked", id: "linked-features" });
    if (known.key === key && known.links) fill(node, known.links);
    else if (known.key !== key) fetchLinks(key, feature);
    return node;
  }

  async function fetchLinks(key, feature) {
    known = { key, links: null };
    // Without links the record itself is still whole: what fails here leaves only this part out.
    const answer = await ioc.service.get(`/features/${feature.layer}/items/${feature.id}/links`).catch(() => ({ links: [] }));
    if (known.key !== key) return;
    known.links = answer.links;
    const node = document.getElementById("linked-features");
    if (node) fill(node, answer.links);
  }

  function fill(node, links) {
    const single = links.filter((link) => link.features.length);
    const counted = links.filter((link) => !link.features.length);
    node.replaceChildren(
      ...(links.length ? [el("h3", {}, ioc.text("linked"))] : []),
      ...single.map((link) => el("div", { class: "linked-group", "data-linked": link.layer },
        el("span", { class: "quiet" }, ioc.named(link, "title"), link.count > link.features.length ? ` (${link.count})` : ""),
        el("div", {}, link.features.map((feature) => row(link, feature))))),
      ...(counted.length ? [el("div", { class: "linked-counts" }, counted.map((link) =>
        el("span", { "data-linked": link.layer }, ioc.named(link, "title"), " ", el("b", { class: "figures" }, ioc.quantity.count(link.count)))))] : []));
  }

  function row(link, feature) {
    const go = () => {
      if (!ioc.layers.isOn(link.layer)) ioc.layers.turn(link.layer, true);
      if (!ioc.leaflet.getBounds().contains([feature.lat, feature.lon])) ioc.leaflet.panTo([feature.lat, feature.lon]);
      ioc.recordCard.open(link.layer, feature.id, feature.title, { lon: feature.lon, lat: feature.lat });
    };
    const told = feature.shown.map((field) => `${ioc.named(field, "label")} ${textOf(field)}`).join(ioc.text("comma"));
    return el("button", { type: "button", onclick: go }, el("b", {}, feature.title), told ? el("small", {}, told) : null);
  }

  function textOf(field) {
    const text = (ioc.memory.language === "en" && field.text_en) || field.text;
    return field.unit && !text.endsWith(field.unit) ? `${text} ${field.unit}` : text;
  }

  ioc.linked = { part };
})();
