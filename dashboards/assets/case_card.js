/* One case: what it is, how much time is left, what may be done, and every step that was taken. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const text = (key, values) => ioc.text(`case_${key}`, values);
  let shown = null;
  let form = null;
  let said = "";
  let known = null; // suspected duplicates of the case they were last asked for
  let onMoved = () => undefined;

  const root = () => document.getElementById("case-card");

  async function open(id, moved) {
    onMoved = moved || onMoved;
    if (shown?.case.id !== id) {
      leaveForm();
      said = "";
    }
    shown = await ioc.service.get(`/cases/${id}`);
    draw();
    return shown.case;
  }

  function leaveForm() {
    if (form?.action.action === "locate") ioc.casePlace.end();
    form = null;
  }

  /** Somebody has moved cases on: the one shown is read again, or, while something is being written, that is said. */
  async function told(items) {
    const news = shown && items.find((item) => item.id === shown.case.id && item.version > shown.case.version);
    if (!news) return;
    if (!form) return void (await open(news.id).catch(() => undefined));
    say(text("fault_changed"));
  }

  /** Says something without drawing the form anew, in which somebody writes. */
  function say(words) {
    said = words;
    const note = document.getElementById("case-said");
    if (note) note.textContent = said;
    else root().querySelector(".case-form").before(saidNode());
  }

  const saidNode = () => el("p", { id: "case-said", role: "alert", class: "warn" }, said);

  function draw() {
    const one = shown.case;
    const { text: time, level } = ioc.cases.left(one);
    const stage = ioc.cases.stage(one);
    root().replaceChildren(...[
      el("h2", {}, ioc.cases.title(one), el("small", {}, one.code), el("span", { class: "tag" }, ioc.cases.state(one.state)),
        ioc.cases.marks(one).map((mark) => el("span", { class: "tag bad" }, mark)),
        one.synthetic ? el("span", { class: "tag", title: ioc.text("demo_long") }, ioc.text("demo")) : null),
      one.deadline ? el("p", { class: `left ${level}`, id: "case-left" }, time, el("small", {}, ` ${text("deadline")} ${ioc.cases.when(one.deadline)}`)) : null,
      stage ? el("p", { class: `left ${stage.level}`, id: "case-stage-left" }, stage.text, el("small", {}, ` ${text("stage_deadline")} ${ioc.cases.when(one.stage_deadline)}`)) : null,
      one.description ? el("p", { id: "case-description" }, one.description) : null,
      facts(one), duplicates(one), said ? saidNode() : null, actions(), form ? fields() : null,
      el("h3", {}, text("steps")), timeline()].filter(Boolean));
  }

  function facts(one) {
    const rows = [
      ["street", one.street], ["address", one.address], ["channel", `${text(`channel_${one.channel}`)} · ${one.source}`],
      ["department", ioc.named(one, "department")], ["limit", ioc.cases.limit(one)], ["condition", shown.condition ? ioc.cases.condition(shown.condition) : ""],
      ["closing_action", shown.condition?.closing_action], ["deferred_until", one.deferred_until ? ioc.cases.when(one.deferred_until) : ""],
      ["suspended_until", one.state === "suspended" ? ioc.cases.when(one.suspended_until) : ""],
      ["counts", [["extensions", one.extensions], ["reworks", one.reworks], ["returns", one.returns]].filter(([, count]) => count).map(([name, count]) => text(name, { count })).join(" · ")],
      ["reporter", reporter()],
    ].filter(([, value]) => value);
    const at = one.lon === null ? null : `/#18/${one.lat.toFixed(6)}/${one.lon.toFixed(6)}`;
    return el("div", {},
      el("dl", {}, rows.flatMap(([name, value]) => [el("dt", {}, text(`field_${name}`)), el("dd", {}, value)]),
        one.component_code ? [el("dt", {}, text("field_component")), el("dd", {}, at ? el("a", { href: at }, one.component_code) : one.component_code)] : []),
      at ? el("p", {}, el("a", { href: at, id: "case-to-map" }, text("to_map")), "  ", el("button", { type: "button", class: "quiet", id: "case-cameras", onclick: cameras }, text("cameras")), el("span", { id: "case-camera-list" })) : null);
  }

  /** Cases that may be the same, for those who take it on or file it. */
  function duplicates(one) {
    if (one.lon === null || !shown.actions.some(({ action }) => ["accept", "register"].includes(action))) return null;
    const node = el("div", { id: "case-duplicates", role: "status" });
    const fill = (cases) => {
      const others = cases.filter((other) => other.id !== one.id);
      if (!others.length) return;
      node.replaceChildren(el("p", { class: "warn" }, text("duplicates", { count: others.length })),
        el("ul", {}, others.map((other) => el("li", {}, el("a", { href: `/cases?state=all#${other.id}`, target: "_blank" }, other.code), ` ${text("metres", { metres: Math.round(other.metres) })} · ${ioc.cases.state(other.state)} · ${ioc.cases.when(other.reported_at)}`))));
    };
    known = known?.id === one.id ? known : { id: one.id, cases: ioc.service.get(`/cases/duplicates?${new URLSearchParams({ matter: one.matter_code.slice(-5), lon: one.lon, lat: one.lat })}`).then((answer) => answer.cases).catch(() => []) };
    known.cases.then(fill);
    return node;
  }

  /** Who reported: masked, until somebody whose post needs it asks; that is kept in the audit trail. */
  function reporter() {
    if (!shown.reporter) return null;
    const { name, phone, email, may_be_shown: may } = shown.reporter;
    const node = el("span", { id: "case-reporter" }, [name, phone, email].filter(Boolean).join(" "));
    const reveal = async () => {
      const { reporter: full } = await ioc.service.get(`/cases/${shown.case.id}/reporter`);
      node.replaceChildren([full.name, full.phone, full.email].filter(Boolean).join(" "));
    };
    if (may) node.append(" ", el("button", { type: "button", class: "quiet", id: "case-reporter-show", title: text("reporter_audited"), onclick: () => reveal().catch((problem) => node.append(` ${problem.message}`)) }, text("reporter_show")));
    return node;
  }

  /** The cameras that see the place soonest: the nearest along the roads. */
  async function cameras() {
    const one = shown.case;
    const node = document.getElementById("case-camera-list");
    try {
      const answer = await ioc.service.get(`/nearest?kind=camera&lon=${one.lon}&lat=${one.lat}&n=3`);
      const found = answer.features;
      node.replaceChildren(found.length ? el("ul", {}, found.map((camera) => el("li", {}, el("a", { href: `/#19/${camera.lat.toFixed(6)}/${camera.lon.toFixed(6)}` }, camera.title || camera.code)))) : ` ${text("no_cameras")}`);
    } catch (problem) {
      node.replaceChildren(` ${problem.status === 404 ? text("no_cameras") : problem.message}`);
    }
  }

  function actions() {
    if (!shown.actions.length) return null;
    const begin = (action) => () => {
      const again = form?.action.action === action.action;
      leaveForm();
      form = again ? null : { action };
      said = "";
      draw();
      (document.querySelector(".case-form select, .case-form input, .case-form textarea") || root()).focus();
    };
    const asked = { extend: shown.case.extension_asked, defer: shown.case.deferral_asked };
    const strong = (action) => asked[action] ?? !["urge", "force_close", "cancel", "reject", "return", "fail", "rework", "ask_extension", "ask_deferral", "refuse_extension", "refuse_deferral", "refuse_appeal", "suspend"].includes(action);
    return el("div", { class: "case-actions", role: "group", "aria-label": text("actions") }, shown.actions.map((action) =>
      el("button", { type: "button", class: strong(action.action) ? null : "quiet", "data-action": action.action, "aria-expanded": String(form?.action.action === action.action), onclick: begin(action) }, text(`action_${action.action}`))));
  }

  function fields() {
    const { action } = form.action;
    const one = shown.case;
    const select = (id, label, options) => el("label", {}, label, el("select", { id, required: true }, options));
    const inputs = [];
    if (action === "register") inputs.push(select("case-condition", text("condition"), shown.conditions.map((condition) => el("option", { value: condition.key }, ioc.cases.condition(condition)))), el("p", { class: "hint" }, text("limits_of_one_city")));
    if (action === "dispatch") inputs.push(select("case-department", text("field_department"), [el("option", { value: "" }, "—"), ...shown.departments.map((department) => el("option", { value: department.code }, ioc.named(department, "name")))]));
    if (action === "locate") inputs.push(...ioc.casePlace.fields(one.address));
    if (["suspend", "defer"].includes(action)) inputs.push(el("label", {}, text(action === "defer" ? "field_deferred_until" : "field_suspended_until"), el("input", { id: "case-until", type: "date", required: true, min: new Date(Date.now() + 86400000).toISOString().slice(0, 10) })));
    inputs.push(el("label", {}, text(form.action.reason ? "opinion_needed" : "opinion"), el("textarea", { id: "case-opinion", maxlength: 1000, rows: 2, required: form.action.reason })));
    if (["feed_back", "pass", "fail", "confirm", "deny", "ask_deferral", "appeal"].includes(action)) inputs.push(el("label", {}, text("photo"), el("input", { id: "case-photo", type: "file", accept: "image/jpeg,image/png,image/webp" })));
    const node = el("form", { class: "case-form", novalidate: true }, inputs, el("div", { class: "row" },
      el("button", { type: "submit", id: "case-submit" }, text(`action_${action}`)),
      el("button", { type: "button", class: "quiet", onclick: () => { leaveForm(); draw(); } }, text("cancel_form"))));
    node.addEventListener("submit", (event) => {
      event.preventDefault();
      if (node.reportValidity()) send(one, action);
    });
    node.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      leaveForm();
      draw();
      document.querySelector(`[data-action="${action}"]`)?.focus();
    });
    return node;
  }

  const value = (id) => document.getElementById(id)?.value.trim() || null;

  async function send(one, action) {
    const until = value("case-until");
    const photo = document.getElementById("case-photo")?.files[0];
    const step = { action, version: one.version, opinion: value("case-opinion") || "", department: value("case-department"), condition: value("case-condition"), until: until ? `${until}T18:00:00+08:00` : null, ...(action === "locate" ? ioc.casePlace.read() : {}) };
    document.getElementById("case-submit").disabled = true;
    try {
      const { version } = await ioc.service.post(`/cases/${one.id}/steps`, step);
      leaveForm();
      said = "";
      if (photo) await ioc.service.get(`/cases/${one.id}/photos?step=${version}`, { method: "POST", body: photo, headers: { Accept: "application/json" } });
    } catch (problem) {
      const words = problem.fault ? text(`fault_${problem.fault}`) : problem.message;
      if (form && problem.fault !== "changed") {
        document.getElementById("case-submit").disabled = false;
        return say(words);
      }
      leaveForm();
      said = words;
    }
    await open(one.id);
    onMoved();
    return root().focus();
  }

  function timeline() {
    return el("ol", { class: "timeline", id: "case-steps" }, [...shown.steps].reverse().map((step) => el("li", { "data-action": step.action },
      el("b", {}, text(`action_${step.action}`)), el("small", {}, `${step.actor}${step.post ? `（${ioc.cases.post(step.post)}）` : ""} · ${ioc.cases.when(step.at)}`),
      (step.action === "dispatch" || step.action === "defer") ? el("p", {}, `→ ${ioc.named(step, "department")}${step.deadline ? `，${text("deadline")} ${ioc.cases.when(step.deadline)}` : ""}`) : null,
      step.opinion ? el("p", {}, step.opinion) : null,
      shown.photos.filter((photo) => photo.step_number === step.number).map((photo) => el("a", { href: `/cases/photos/${photo.id}`, target: "_blank" }, el("img", { src: `/cases/photos/${photo.id}`, alt: text("photo") }))))));
  }

  const chosen = () => shown?.case || null;

  ioc.caseCard = { open, told, chosen };
})();
