/* The review queue: proposals with what was and what is to be, decided on one by one or several at once. */
(function () {
  "use strict";
  const ioc = window.ioc;
  const el = (...parts) => ioc.element(...parts);
  const text = (key, values) => ioc.text(`review_${key}`, values);
  const STATES = ["proposed", "accepted", "rejected", "withdrawn", "undone", "conflict"];
  const asked = { state: "proposed", dataset: "", person: "", area: "" };
  let edits = [];
  let datasets = [];
  let chosen = null;
  const ticked = new Set();
  let said = "";

  const root = () => document.getElementById("review");

  async function load() {
    const query = new URLSearchParams(Object.entries(asked).filter(([, value]) => value));
    edits = (await ioc.service.getAtLast(`/edits?${query}`)).edits;
    for (const edit of edits) if (!datasets.some((one) => one.dataset === edit.dataset)) datasets.push(edit);
    ticked.clear();
    const linked = Number(location.hash.slice(1));
    chosen = edits.find((edit) => edit.id === (chosen?.id ?? linked)) || edits[0] || null;
    draw();
  }

  function draw() {
    root().replaceChildren(filters(), el("p", { id: "review-said", role: "status" }, said),
      el("div", { class: "review-columns" }, list(), detail()));
    const map = document.getElementById("review-map");
    if (map) ioc.reviewMap.show(map, chosen);
  }

  function filters() {
    const taken = (name) => (event) => {
      asked[name] = event.target.value.trim();
      load().catch((problem) => ioc.banner.show("problem_answer", "bad", problem.message));
    };
    const option = (value, name, current) => el("option", { value, selected: value === current }, name);
    const field = (name) => el("label", {}, text(name), el("input", { id: `review-${name}`, value: asked[name], maxlength: 60, onchange: taken(name) }));
    return el("div", { class: "row", role: "search" },
      el("label", {}, text("state"), el("select", { id: "review-state", onchange: taken("state") }, option("", text("all"), asked.state), STATES.map((one) => option(one, ioc.text(`edit_state_${one}`), asked.state)))),
      el("label", {}, text("dataset"), el("select", { id: "review-dataset", onchange: taken("dataset") }, option("", text("all"), asked.dataset), datasets.map((one) => option(one.dataset, ioc.named(one, "title"), asked.dataset)))),
      field("person"), field("area"));
  }

  const decidable = (edit) => edit.state === "proposed" && edit.may_review && !edit.own;

  function list() {
    const tick = (edit) => (event) => {
      if (event.target.checked) ticked.add(edit.id);
      else ticked.delete(edit.id);
      draw();
    };
    const choose = (edit) => () => {
      chosen = edit;
      history.replaceState(null, "", `#${edit.id}`);
      draw();
      document.querySelector(`[data-edit="${edit.id}"] button`)?.focus();
    };
    const all = edits.filter(decidable);
    const tickAll = (event) => {
      ticked.clear();
      if (event.target.checked) all.forEach((edit) => ticked.add(edit.id));
      draw();
    };
    return el("section", { class: "review-list" },
      all.length > 1 ? el("label", { class: "tick" }, el("input", { type: "checkbox", id: "review-all", checked: ticked.size === all.length, onchange: tickAll }), text("choose_all", { count: all.length })) : null,
      edits.length ? el("ul", {}, edits.map((edit) => el("li", { "data-edit": edit.id, "data-state": edit.state, "aria-current": edit === chosen ? "true" : null },
        decidable(edit) ? el("input", { type: "checkbox", "aria-label": edit.title || edit.code, checked: ticked.has(edit.id), onchange: tick(edit) }) : el("span", {}),
        el("button", { type: "button", onclick: choose(edit) }, el("b", {}, `${ioc.text(`edit_kind_${edit.kind}`)} ${edit.title || edit.code}`),
          el("small", {}, `${ioc.named(edit, "title")} · ${edit.proposer} · ${ioc.edits.when(edit.proposed_at)}`),
          el("small", {}, edit.reason)), el("span", { class: "tag" }, ioc.text(`edit_state_${edit.outcome === "conflict" ? "conflict" : edit.state}`))))) : el("p", { class: "empty" }, text("none")));
  }

  function detail() {
    if (!chosen) return el("section", { class: "review-detail" });
    const at = (chosen.after_geometry || chosen.before_geometry)?.coordinates.flat(Infinity);
    return el("section", { class: "review-detail", id: "review-detail" },
      el("h2", {}, `${ioc.text(`edit_kind_${chosen.kind}`)} ${chosen.title || chosen.code}`, el("small", {}, ` ${chosen.code}`)),
      el("p", {}, el("b", {}, chosen.proposer), ` ${ioc.edits.when(chosen.proposed_at)}${ioc.text("colon")}${chosen.reason}`),
      chosen.decider ? el("p", {}, `${ioc.text(`edit_state_${chosen.state}`)}${ioc.text("colon")}${chosen.decider} ${ioc.edits.when(chosen.decided_at)} ${chosen.decision_note || ""}`) : null,
      chosen.outcome === "conflict" ? el("p", { class: "warn" }, text("conflict", { fields: chosen.outcome_fields.map((one) => (one.name === "geom" ? ioc.text("edit_place") : ioc.named(one, "label") || one.name)).join(ioc.text("list_mark")) })) : null,
      chosen.photo ? el("img", { class: "review-photo", src: `/edits/${chosen.id}/photo`, alt: chosen.reason }) : null,
      ioc.edits.changes(chosen),
      chosen.kind !== "photo" ? el("div", { id: "review-map" }) : null,
      chosen.kind !== "photo" ? el("p", { class: "hint" }, text("map_key")) : null,
      at ? el("p", {}, el("a", { href: `/#19/${at[1].toFixed(6)}/${at[0].toFixed(6)}` }, text("to_map"))) : null,
      actions());
  }

  function actions() {
    const several = ticked.size ? [...ticked] : decidable(chosen) ? [chosen.id] : [];
    if (!several.length) return chosen.state === "proposed" && chosen.own
      ? el("div", { class: "row" }, el("p", { class: "hint" }, text("own")), el("button", { type: "button", class: "quiet", onclick: () => decide([chosen.id], "withdrawn", "") }, text("withdraw"))) : null;
    const note = el("input", { id: "review-note", maxlength: 500, placeholder: text("note"), value: ioc.reviewNote.of(chosen), oninput: (event) => ioc.reviewNote.keep(chosen, event.target.value) });
    const reject = () => {
      if (note.value.trim()) return decide(several, "rejected", note.value);
      note.focus();
      note.setAttribute("aria-invalid", "true");
      said = text("note_needed");
      document.getElementById("review-said").textContent = said;
      return undefined;
    };
    return el("div", { class: "review-actions" }, el("label", {}, text("note"), note),
      el("button", { type: "button", id: "review-accept", onclick: () => decide(several, "accepted", note.value) }, text("accept", { count: several.length })),
      el("button", { type: "button", class: "quiet", id: "review-reject", onclick: reject }, text("reject", { count: several.length })));
  }

  async function decide(ids, decision, note) {
    try {
      const { results } = await ioc.service.post("/edits/decisions", { ids, decision, note });
      const failed = results.filter((one) => !one.done);
      ioc.reviewNote.keep(chosen, "");
      said = [text(`done_${decision}`, { count: results.length - failed.length }), ...failed.map((one) => `${one.id}${ioc.text("colon")}${text(`fault_${one.fault}`)}`)].join(" ");
    } catch (problem) {
      said = problem.message;
    }
    await load();
  }

  async function start() {
    ioc.memory.theme = document.documentElement.dataset.theme;
    ioc.memory.language = document.documentElement.lang === "en" ? "en" : "zh";
    [ioc.viewer] = await Promise.all([ioc.service.getAtLast("/whoami"), ioc.layers.load(), ioc.baseMap.load()]);
    await load();
  }

  start().catch((problem) => ioc.banner.show("problem_answer", "bad", problem.message));
})();
