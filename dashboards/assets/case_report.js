/* Cases on the map: reporting one at a place, and those that concern what the record card shows. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const text = (key, values) => ioc.text(`case_${key}`, values);
  const REPORTERS = ["staff", "leader", "receiver", "dispatcher", "duty_chief", "collector"];
  const MOST_SHOWN = 5;
  let allowed = false;
  let choices = null;

  /** The button of the record card's foot; null for those who report nothing. */
  function button(at, feature) {
    if (!allowed) return null;
    return el("button", { type: "button", class: "text-button", id: "report-case", onclick: () => open(at, feature) }, text("report_here"));
  }

  /** The code of the component that is shown, and its class. */
  const componentOf = (feature) => (feature?.layer === "component" ? { id: feature.id, code: valueOf(feature, "code"), type: valueOf(feature, "type_code") } : null);
  const valueOf = (feature, name) => feature.record?.find((field) => field.name === name)?.value || null;

  async function open(at, feature) {
    const { matters } = (choices = choices || (await ioc.service.get("/cases/choices")));
    const component = componentOf(feature);
    const majors = [...new Map(matters.map((one) => [one.major, one.major_zh]))];
    const about = matters.find((one) => component?.type && one.component === component.type);
    const key = crypto.randomUUID ? crypto.randomUUID() : `${Date.now()}-${Math.random()}`;
    let photoOf = null;
    const major = el("select", { id: "report-major", onchange: () => fill() }, majors.map(([code, name]) => el("option", { value: code, selected: code === (about?.major || "06") }, name)));
    const matter = el("select", { id: "report-matter", onchange: () => duplicates() });
    const near = el("div", { id: "report-duplicates", role: "status" });
    const said = el("p", { class: "problem", role: "alert" });
    const description = el("textarea", { id: "report-description", rows: 3, maxlength: 2000, required: true });
    const address = el("input", { id: "report-address", maxlength: 200 });
    const photo = el("input", { type: "file", id: "report-photo", accept: "image/jpeg,image/png,image/webp" });
    const send = el("button", { type: "submit", class: "edit-send", id: "report-send" }, text("action_report"));

    function fill() {
      const fitting = matters.filter((one) => one.major === major.value);
      matter.replaceChildren(...fitting.map((one) => el("option", { value: one.code, selected: one.code === about?.code }, ioc.named(one, "name"))));
      duplicates();
    }

    async function duplicates() {
      const query = new URLSearchParams({ matter: matter.value, lon: at.lon.toFixed(7), lat: at.lat.toFixed(7) });
      const asked = matter.value;
      const { cases } = await ioc.service.get(`/cases/duplicates?${query}`).catch(() => ({ cases: [] }));
      if (asked !== matter.value) return;
      near.replaceChildren(...(cases.length ? [el("p", { class: "warn" }, text("duplicates", { count: cases.length })),
        el("ul", {}, cases.map((one) => el("li", {}, el("a", { href: `/cases?state=all#${one.id}`, target: "_blank" }, `${one.code} ${one.title}`), ` ${text("metres", { metres: Math.round(one.metres) })} · ${ioc.text(`case_state_${one.state}`)}`)))] : []));
    }

    async function submit(event) {
      event.preventDefault();
      description.value = description.value.trim(); // spaces alone describe nothing
      if (!form.reportValidity()) return;
      send.disabled = true;
      said.textContent = "";
      try {
        photoOf = photoOf || (await ioc.service.post("/cases", { matter: matter.value, lon: at.lon, lat: at.lat, description: description.value, address: address.value, component: about && matter.value === about.code ? component.code : null, key }));
        if (photo.files[0]) await ioc.service.get(`/cases/${photoOf.id}/photos?step=1`, { method: "POST", body: photo.files[0], headers: { Accept: "application/json" } });
        form.replaceChildren(el("h2", { id: "report-title" }, text("reported", { code: photoOf.code })),
          el("div", { class: "edit-foot" }, el("a", { class: "edit-send", id: "report-done", href: `/cases?state=all#${photoOf.id}` }, text("open")), el("button", { type: "button", class: "text-button", onclick: () => dialog.close() }, text("close_dialog"))));
        form.querySelector("button").focus();
      } catch (problem) {
        said.textContent = problem.fault ? text(`fault_${problem.fault}`) : problem.message;
        send.disabled = false;
      }
    }

    const form = el("form", { class: "edit-form", onsubmit: submit },
      el("h2", { id: "report-title" }, text("report_here")), el("p", { class: "quiet figures" }, `${at.lon.toFixed(6)}, ${at.lat.toFixed(6)}${component?.code ? ` · ${component.code}` : ""}`),
      el("label", {}, text("report_major"), major), el("label", {}, text("head_matter"), matter), near,
      el("label", {}, text("report_description"), description), el("label", {}, text("field_address"), address), el("label", {}, text("photo"), photo), said,
      el("div", { class: "edit-foot" }, send, el("button", { type: "button", class: "text-button", onclick: () => dialog.close() }, text("cancel_form"))));
    const dialog = el("dialog", { id: "report-dialog", class: "reason-dialog case-report", "aria-labelledby": "report-title", onclose: () => dialog.remove() }, form);
    dialog.addEventListener("keydown", (event) => event.stopPropagation());
    document.body.append(dialog);
    dialog.showModal();
    fill();
  }

  /** The cases at the component that the record card shows. */
  function part(feature) {
    const node = el("div", { class: "linked cases-here" });
    const component = componentOf(feature);
    if (component) fillCases(node, component);
    return node;
  }

  let known = { id: null, answer: null }; // of the component shown last

  async function fillCases(node, component) {
    if (known.id !== component.id) known = { id: component.id, answer: ioc.service.get(`/cases/list?state=all&sort=newest&limit=${MOST_SHOWN}&component=${component.id}`).catch(() => null) };
    const answer = await known.answer;
    if (!answer?.cases.length) return;
    node.replaceChildren(el("h3", {}, el("a", { href: `/cases?state=all&sort=newest&component=${component.id}` }, text("of_component", { count: answer.total }))),
      el("ul", {}, answer.cases.map((one) => el("li", {}, el("a", { href: `/cases?state=all&component=${component.id}#${one.id}` }, one.title), el("small", { class: "quiet" }, ` ${ioc.text(`case_state_${one.state}`)} · ${ioc.clock(one.reported_at)}`)))));
  }

  async function start() {
    const { roles } = await ioc.service.getAtLast("/whoami");
    allowed = roles.some((role) => REPORTERS.includes(role));
  }

  ioc.caseReport = { start, button, part };
})();
