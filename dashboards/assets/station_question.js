/* What a station is asked from its card (召测, 补测): who may asks, and everybody sees what becomes of it. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const el = (...parts) => ioc.element(...parts);
  const LOOK_MS = 1000; // while a question is open
  const SHOWN_MS = 3600e3; // after it has ended
  const LONGEST_MS = 31 * 86400e3; // that one question may ask for
  const PERIOD = "38"; // the function of SL 651-2014 that asks for one

  let own = { key: null, devices: [], askable: [], questions: [], asking: false, problem: null };

  const isPeriod = (question) => question.asked.function === PERIOD;
  const isOpen = (question) => question.state === "waiting" || question.state === "sent";
  const time = (at) => new Date(at).toLocaleTimeString("zh-CN", { timeZone: "Asia/Shanghai", hour12: false });
  const open = () => own.questions.filter(isOpen);

  /** The part of a station's card that asks; `about` tells what it is about and what is drawn (null: nothing). */
  function part(about) {
    const { key } = about;
    if (own.key !== key) {
      own = { key, devices: about.devices, askable: [], questions: [], asking: false, problem: null };
      look(own);
    }
    own.about = about;
    return el("div", { id: "station-asking" }, ioc.replay.isOn() ? null : [button(), said(own.devices, false)]);
  }

  function redraw() {
    const node = document.getElementById("station-asking");
    if (node && own.about) node.replaceWith(part(own.about));
    own.about?.changed();
  }

  async function look(mine) {
    const query = new URLSearchParams(mine.devices.map((device) => ["device", device]));
    const before = mine.questions;
    try {
      const answer = await ioc.service.get(`/devices/questions?${query}`);
      if (mine !== own) return;
      Object.assign(mine, answer);
    } catch (problem) {
      if (mine !== own) return;
      mine.problem = mine.askable.length ? { message: problem.message, period: false } : null;
    }
    redraw();
    const ended = mine.questions.filter((one) => !isOpen(one) && before.some((old) => old.id === one.id && isOpen(old)));
    if (ended.some((one) => isPeriod(one) && one.answer?.stored)) mine.about?.filled();
    if (open().length && mine === own) setTimeout(() => mine === own && look(mine), LOOK_MS);
  }

  async function ask(devices, content) {
    const mine = own;
    Object.assign(mine, { asking: true, problem: null });
    redraw();
    try {
      const put = await Promise.all(devices.map((device) => ioc.service.post(`/devices/${encodeURIComponent(device)}/questions`, content)));
      const asked = put.flatMap(({ questions }) => questions);
      mine.questions = [...asked, ...mine.questions.filter((one) => !asked.some((new_) => new_.id === one.id))];
    } catch (problem) {
      mine.problem = { message: problem.message, period: "from" in content };
    }
    mine.asking = false;
    if (mine === own) await look(mine);
  }

  function button() {
    if (!own.askable.length) return null;
    return el("button", { type: "button", class: "text-button", title: ioc.text("station_ask_long"), disabled: own.asking || open().some((one) => !isPeriod(one)), onclick: () => ask(own.askable, {}) },
      ioc.text("station_ask"));
  }

  /** Asks for what is drawn, where the station can be asked for it, and says what became of that. */
  function period({ device, metric, name, begin, end }) {
    if (ioc.replay.isOn()) return null;
    const askable = own.askable.includes(device) && end - begin <= LONGEST_MS;
    return [askable ? periodButton(device, metric, name, begin, end) : null,
      said([device], true, metric)];
  }

  function periodButton(device, metric, name, begin, end) {
    return el("button", { type: "button", class: "text-button", title: ioc.text("station_ask_period_long", { name }), disabled: own.asking || open().some(isPeriod),
      onclick: () => ask([device], { elements: [metric], from: new Date(begin).toISOString(), to: new Date(end).toISOString() }) },
      ioc.text("station_ask_period"));
  }

  /** What became of the last question to each device: for a period of a metric, or for anything else. */
  function said(devices, period, metric) {
    if (own.problem?.period === period) return el("p", { role: "alert", "data-state": "failed" }, own.problem.message);
    const fits = (one) => period === isPeriod(one) && (!period || one.asked.elements[0] === metric);
    const latest = devices.map((device) => own.questions.find((one) => one.device === device && fits(one))).filter(Boolean)
      .filter((one) => isOpen(one) || Date.now() - Date.parse(one.ended_at) < SHOWN_MS);
    return el("div", { role: "status" }, latest.map((one) => el("p", { class: "figures", "data-state": one.state, title: ioc.text("station_asked_by", { name: one.asker, time: time(one.asked_at) }) },
      latest.length > 1 ? `${one.device} ` : "", sentence(one))));
  }

  function sentence(question) {
    const { state, sendings, answer, reason } = question;
    if (state === "waiting") return ioc.text("station_asked_waiting");
    if (state === "sent") return ioc.text(sendings > 1 ? "station_asked_again" : "station_asked_sent", { time: time(question.sent_at), count: sendings });
    const ended = { time: time(question.ended_at), count: sendings };
    if (state === "failed") {
      if (reason !== "offline" || !question.heard_at) return ioc.text(`station_asked_${reason}`, ended);
      return ioc.text("station_asked_offline_since", { ...ended, heard: ioc.clock(question.heard_at, { year: false }) });
    }
    const kind = answer.stored ? "answered" : answer.readings ? "answered_known" : "answered_nothing";
    return ioc.text(`station_asked_${kind}`, { ...ended, count: answer.stored });
  }

  ioc.stationQuestion = { part, period };
})();
