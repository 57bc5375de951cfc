/* Editing by hand: buttons, photographs and history on the record card, the form, and adding a feature. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const PAUSE = 500; // milliseconds without a key before the rules are asked
  const MODES = { point: "spot", line: "line", polygon: "polygon" };
  let targets = []; // layers to add to
  let known = { key: null, answer: null }; // of the feature shown last
  let draft = null; // what is being edited

  const panel = () => document.getElementById("edit-panel");
  const text = (key, values) => ioc.text(`edit_${key}`, values);
  const button = (key, onclick, more) => el("button", { type: "button", class: "text-button", id: `edit-${key}`, onclick, ...more }, text(key));

  /* on the record card */

  function part(feature) {
    const key = `${feature.layer}/${feature.id}`;
    const node = el("div", { class: "edit-part" });
    if (known.key === key && known.answer) fill(node, feature, known.answer);
    else if (known.key !== key) ask(key, feature);
    return node;
  }

  async function ask(key, feature) {
    known = { key, answer: null };
    const answer = await ioc.service.get(`/edits/features/${feature.layer}/${feature.id}`).catch(() => ({ history: [] }));
    if (known.key !== key) return;
    known.answer = answer;
    const node = document.querySelector("#record-card .edit-part");
    if (node) fill(node, feature, answer);
  }

  function fill(node, feature, answer) {
    const photos = answer.history.filter((edit) => edit.photo && edit.state === "accepted" && !edit.undoes_id);
    const open = answer.history.filter((edit) => edit.state === "proposed");
    const act = (kind) => () => begin({ kind, feature, answer });
    node.replaceChildren(
      ...(photos.length ? [el("div", { class: "edit-photos" }, photos.map(picture))] : []),
      ...open.map((edit) => el("p", { class: "edit-open", role: "status" }, text("waits", { person: edit.proposer, kind: text(`kind_${edit.kind}`) }))),
      ...(answer.may_propose ? [el("div", { class: "edit-buttons" },
        button("change", act("change")), feature.geometry ? button("move", act("move")) : null, button("remove", act("remove")), photoButton(feature))] : []),
      ...(answer.history.length ? [history(feature, answer)] : []));
  }

  const picture = (edit) => el("a", { href: `/edits/${edit.id}/photo`, target: "_blank", rel: "noopener" },
    el("img", { src: `/edits/${edit.id}/photo`, loading: "lazy", alt: edit.reason, title: [edit.reason, edit.taken_at?.replace("T", " ")].filter(Boolean).join(" ") }));

  function photoButton(feature) {
    const send = async (event) => {
      const file = event.target.files[0];
      if (!file) return;
      event.target.disabled = true;
      try {
        const answer = await ioc.service.get(`/edits/photos/${feature.layer}/${feature.id}`, { method: "POST", body: file });
        say(answer.accepted ? "photo_kept" : "photo_sent");
        again(feature);
      } catch (problem) {
        fail(problem);
      }
    };
    const input = el("input", { type: "file", id: "edit-photo-file", class: "visually-hidden", accept: "image/jpeg,image/png,image/webp", "aria-label": text("photo"), onchange: send });
    return [button("photo", () => input.click()), input];
  }

  function history(feature, answer) {
    const undo = async (edit) => {
      const reason = await ioc.reasonDialog.ask(text("undo_why"), `${text(`kind_${edit.kind}`)} ${edit.title || edit.code}${ioc.text("colon")}${edit.reason}`, text("undo"));
      if (!reason) return;
      try {
        const done = await ioc.service.post(`/edits/${edit.id}/undo`, { reason });
        say(done.accepted ? "undone" : "sent");
        again(feature);
      } catch (problem) {
        fail(problem);
      }
    };
    return el("details", { class: "edit-history", id: "edit-history" },
      el("summary", {}, text("history"), ` (${answer.history.length})`),
      el("ol", {}, answer.history.map((edit) => el("li", { "data-edit": edit.id, "data-state": edit.state },
        el("b", {}, text(`kind_${edit.kind}`)), " ", el("span", { class: "tag" }, text(`state_${edit.state}`)),
        el("small", { class: "quiet" }, `${edit.proposer} ${ioc.edits.when(edit.proposed_at)}`),
        el("p", {}, edit.reason, edit.decision_note ? ` (${edit.decider}${ioc.text("colon")}${edit.decision_note})` : ""),
        ioc.edits.changes(edit),
        edit.state === "accepted" && answer.may_propose ? el("button", { type: "button", class: "text-button edit-undo", onclick: () => undo(edit) }, text("undo")) : null))));
  }

  /** A refusal in the page's own words where it has any. */
  const told = (problem) => (problem.fault ? ioc.text(`review_fault_${problem.fault}`) : problem.message);
  const fail = (problem) => ioc.banner.show("problem_answer", "bad", told(problem));

  const say = (key) => {
    ioc.banner.show(`edit_${key}`, "info");
    setTimeout(() => ioc.banner.clear(`edit_${key}`), 6000);
  };

  /** Reads the feature anew, after something was done with it. */
  async function again(feature) {
    known = { key: null, answer: null };
    await ioc.layers.reload();
    if (feature) ioc.recordCard.open(feature.layer, feature.id, feature.title, ioc.recordCard.place());
    ioc.reviewBadge.count();
  }

  /* the form */

  function begin({ kind, feature, answer, target, geometry }) {
    finishShape();
    draft = { kind: kind === "move" ? "change" : kind, feature, target, fields: (answer || target).fields, values: { ...answer?.values }, base: { ...answer?.values }, revision: answer?.revision, review: (answer || target).review, geometry: geometry || null, original: answer?.geometry, problems: [], reason: "", state: "open" };
    draft.kept = ioc.editDraft.of(draft);
    draw();
    if (kind === "move" || kind === "add") editShape();
    if (kind !== "move") panel().querySelector("input:not([type=file]), select, textarea")?.focus();
    if (kind === "add") check();
  }

  function close() {
    finishShape();
    draft = null;
    draw();
  }

  function editShape() {
    ioc.shapeEditing.begin(draft.geometry || draft.original, (geometry) => {
      draft.geometry = geometry;
      ioc.editDraft.keep(draft);
      later();
    });
  }

  const isPoint = () => (draft.geometry || draft.original)?.type.endsWith("Point");

  const finishShape = () => ioc.shapeEditing.end();

  let timer = null;
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(check, PAUSE);
  };

  const message = (checkOnly) => ({
    layer: draft.target?.layer || draft.feature.layer, dataset: draft.target?.dataset, feature: draft.feature?.id, kind: draft.kind,
    values: draft.values, geometry: draft.geometry, reason: draft.reason, revision: draft.revision, check_only: checkOnly,
  });

  async function check() {
    const asked = draft;
    if (!draft || draft.kind === "remove" || draft.present || draft.state === "busy") return undefined;
    try {
      const answer = await ioc.service.post("/edits", message(true));
      if (draft !== asked || draft.state === "busy") return undefined;
      draft.problems = answer.problems;
    } catch (problem) {
      if (draft !== asked) return undefined;
      return refused(problem);
    }
    return drawProblems();
  }

  /** The form stays as it is; where somebody else has changed the feature, what they changed is shown above it. */
  async function refused(problem) {
    const asked = draft;
    draft.state = "open";
    const passing = problem.status === 0 || problem.status === 429 || problem.status >= 500; // worth another try
    draft.problems = [{ severity: passing ? "warning" : "error", field: null, reason_zh: told(problem), reason_en: told(problem) }];
    if (problem.fault === "changed" && draft.feature) {
      const present = await ioc.service.get(`/edits/features/${draft.feature.layer}/${draft.feature.id}`).catch(() => ({ may_propose: false }));
      if (draft !== asked) return;
      finishShape();
      draft.present = present;
      drawConflict();
    }
    drawProblems();
  }

  function drawConflict() {
    panel().querySelector(".edit-conflict")?.remove();
    if (!draft.present) return;
    const goOn = () => {
      draw();
      check();
    };
    document.getElementById("edit-form").prepend(ioc.editConflict.notice(draft, goOn));
    panel().querySelector(".edit-conflict button")?.focus();
  }

  async function send(event) {
    event.preventDefault();
    const { feature } = draft;
    if (draft.present) return document.getElementById("edit-go-on")?.focus();
    draft.state = "busy";
    drawProblems();
    try {
      const answer = await ioc.service.post("/edits", message(false));
      if (!answer.edit) {
        Object.assign(draft, { problems: answer.problems, state: "open" });
        return drawProblems();
      }
      ioc.editDraft.dropOf(draft);
      close();
      say(answer.accepted ? "done" : "sent");
      return await again(feature);
    } catch (problem) {
      return refused(problem);
    }
  }

  function draw() {
    panel().hidden = !draft;
    if (!draft) return panel().replaceChildren();
    panel().setAttribute("aria-label", text("form"));
    const title = draft.feature?.title || ioc.named(draft.target, "title");
    const open = draft.fields.filter((field) => field.origin === "hand" && !(draft.feature && field.key));
    panel().replaceChildren(
      el("div", { class: "panel-head" }, el("div", { class: "record-title" }, el("p", { class: "quiet" }, text(`kind_${draft.kind}`)), el("h2", {}, title)),
        ioc.layerPanel.iconButton("close", text("cancel"), close, { id: "close-edit" })),
      el("form", { class: "edit-form", id: "edit-form", onsubmit: send },
        draft.target?.classes.length ? classRow() : null,
        ...(draft.kind === "remove" ? [el("p", { class: "edit-note" }, text("remove_note"))] : open.map(row)),
        ...(draft.kind === "remove" ? [] : [el("div", { class: "edit-place" }, el("span", {}, text("place")), button("shape", editShape), isPoint() ? null : el("small", {}, text("shape_help")), el("small", { class: "edit-problem", "data-problem": "geom" }))]),
        el("label", { class: "edit-reason" }, text("reason"), el("textarea", { name: "reason", required: true, maxlength: 500, rows: 2, oninput: reasoned })),
        el("div", { class: "edit-problems", id: "edit-problems", role: "alert" }),
        el("div", { class: "edit-foot" }, el("button", { type: "submit", class: "edit-send", id: "edit-send" }, text(draft.review ? "send" : "save")),
          el("button", { type: "button", class: "text-button", onclick: close }, text("cancel")))));
    panel().querySelector("textarea").value = draft.reason;
    drawKept();
    drawConflict();
    return drawProblems();
  }

  function reasoned(event) {
    draft.reason = event.target.value;
    ioc.editDraft.keep(draft);
  }

  /** Offers what was written into this form before and not sent. */
  function drawKept() {
    const { kept } = draft;
    if (!kept) return;
    const answered = (taken) => () => {
      draft.kept = null;
      if (taken) ioc.editDraft.restore(draft, kept);
      else ioc.editDraft.drop(kept);
      draw();
      check();
      panel().querySelector("input:not([type=file]), select, textarea")?.focus();
    };
    document.getElementById("edit-form").prepend(ioc.editDraft.offer(kept, answered(true), answered(false)));
  }

  /** After signing in again: offers the form that was open, as it was. */
  function offerLast() {
    const kept = ioc.editDraft.last();
    if (!kept) return;
    const goOn = async () => {
      ioc.banner.clear("edit_kept");
      const target = targets.find((one) => one.layer === kept.layer && one.dataset === kept.dataset);
      try {
        const answer = kept.id === null ? null : await ioc.service.get(`/edits/features/${kept.layer}/${kept.id}`);
        if (answer ? !answer.may_propose : !target) return ioc.banner.show("edit_gone", "warn");
        begin({ kind: kept.kind, feature: answer && { layer: kept.layer, id: kept.id, title: kept.title }, answer, target, geometry: kept.geometry });
        document.getElementById("edit-kept-go-on")?.click();
      } catch (problem) {
        fail(problem);
      }
      return undefined;
    };
    const leave = () => {
      ioc.editDraft.drop(kept);
      ioc.banner.clear("edit_kept");
    };
    ioc.banner.show("edit_kept", "info", ioc.editDraft.offer(kept, goOn, leave));
  }

  /** Chooses a component's class; its code is the next free number there, its name the class's where none is given. */
  function classRow() {
    const choose = async (event) => {
      const asked = draft;
      const chosen = draft.target.classes.find((one) => one.value === event.target.value);
      if (!chosen) return;
      const [lon, lat] = draft.geometry.coordinates.flat(Infinity);
      try {
        const { code } = await ioc.service.get(`/edits/codes/${draft.target.layer}?${new URLSearchParams({ type_code: chosen.value, lon, lat })}`);
        if (draft !== asked) return;
        if (!draft.values.name || draft.target.classes.some((one) => one.zh === draft.values.name)) draft.values.name = chosen.zh;
        draft.values.code = code;
        ioc.editDraft.keep(draft);
        for (const name of ["name", "code"]) document.getElementById(`edit-field-${name}`).value = draft.values[name];
        check();
      } catch (problem) {
        fail(problem);
      }
    };
    return el("label", {}, el("span", {}, text("class")), el("select", { id: "edit-class", onchange: choose }, el("option", { value: "" }, "—"),
      draft.target.classes.map((one) => el("option", { value: one.value }, `${one[ioc.memory.language]} ${one.value}`))));
  }

  function row(field) {
    const value = draft.values[field.name] ?? "";
    const taken = (event) => {
      draft.values[field.name] = event.target.value;
      ioc.editDraft.keep(draft);
      later();
    };
    const label = el("span", {}, ioc.named(field, "label"), field.unit ? el("small", { class: "quiet" }, ` ${field.unit}`) : null, field.required ? el("b", { class: "edit-must" }, " *") : null);
    return el("label", { "data-field": field.name }, label, input(field, value, taken), el("small", { class: "edit-problem", "data-problem": field.name }));
  }

  function input(field, value, taken) {
    const name = { name: field.name, id: `edit-field-${field.name}` };
    if (field.choices.length && (field.strict || field.choices.some((one) => one.value === value) || value === "")) {
      return el("select", { ...name, onchange: taken }, el("option", { value: "" }, "—"),
        field.choices.map((one) => el("option", { value: one.value, selected: one.value === String(value) }, one[ioc.memory.language])));
    }
    const node = el("input", { ...name, type: field.kind === "date" ? "date" : "text", inputmode: field.kind === "number" || field.kind === "integer" ? "decimal" : null, oninput: taken });
    node.value = value;
    return node;
  }

  /** Says beside each field what is wrong with it, and below what is wrong elsewhere. */
  function drawProblems() {
    const reason = (problem) => problem[`reason_${ioc.memory.language}`];
    const rest = [];
    for (const node of panel().querySelectorAll("[data-problem]")) node.textContent = "";
    for (const problem of draft.problems) {
      const node = problem.field && panel().querySelector(`[data-problem="${problem.field}"]`);
      if (!node) rest.push(problem);
      else {
        node.textContent = [node.textContent, reason(problem)].filter(Boolean).join(ioc.text("sentence_mark"));
        node.dataset.severity = problem.severity;
      }
    }
    document.getElementById("edit-problems").replaceChildren(...rest.map((problem) => el("p", { class: "edit-problem", "data-severity": problem.severity }, reason(problem))));
    document.getElementById("edit-send").disabled = draft.state === "busy" || Boolean(draft.present) || draft.problems.some((problem) => problem.severity === "error");
  }

  /* adding */

  function addTool() {
    const choice = el("select", { id: "edit-target", "aria-label": text("layer") }, targets.map((target, index) => el("option", { value: index }, ioc.named(target, "title"))));
    const go = () => {
      const target = targets[Number(choice.value)];
      tool.open = false;
      if (!ioc.layers.isOn(target.layer)) ioc.layers.turn(target.layer, true);
      ioc.recordCard.close();
      ioc.shapeEditing.draw(MODES[target.geometry], (geometry) => begin({ kind: "add", target, geometry }));
    };
    const tool = el("details", { class: "edit-add", id: "edit-add" }, el("summary", { class: "icon-button", title: text("add"), "aria-label": text("add") }, ioc.icon("edit_add")),
      el("div", { class: "menu" }, el("label", {}, text("layer"), choice), el("button", { type: "button", class: "edit-send", id: "edit-draw", onclick: go }, text("draw"))));
    return tool;
  }

  function build() {
    document.getElementById("edit-add")?.remove();
    if (targets.length) document.querySelector("#map-tools .tool-buttons").after(addTool());
    if (draft) draw();
  }

  /** `signedIn` resolves when it is known who the viewer is. */
  async function start(signedIn) {
    document.getElementById("record-card").after(el("aside", { id: "edit-panel", hidden: true }));
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !draft || event.defaultPrevented) return;
      event.preventDefault();
      close();
    }, true);
    ioc.shapeEditing.start();
    const answer = await ioc.service.getAtLast("/edits/targets");
    targets = answer.targets;
    build();
    ioc.on("language", build);
    if (answer.reviews) ioc.reviewBadge.start();
    await signedIn;
    offerLast();
  }

  ioc.featureEdit = { start, part };
})();
