/* The sound of a new alarm, made here: a switch kept by the browser, and words where the browser still forbids it. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const KEPT = "ioc.alarm_sound";
  const ASK_MS = 400; // a browser that forbids sound does not answer
  const TONE_S = 0.22;
  const TUNES = { 1: [880, 660, 880, 660, 880, 660], 2: [740, 740, 740], 3: [520, 520], 4: [520] }; // Hz, by severity
  const LOUDNESS = 0.35;

  let context = null;
  let allowed = true;
  let wanted = false; // this is a page that has something to sound for
  let muted = false; // for browsers that keep nothing

  const isMuted = () => {
    try {
      return (localStorage.getItem(KEPT) || (muted ? "off" : "on")) === "off";
    } catch {
      return muted;
    }
  };

  function mute(off) {
    muted = off;
    try {
      localStorage.setItem(KEPT, off ? "off" : "on");
    } catch {
      // forgotten with the page
    }
    ioc.tell("alarm-sound");
  }

  /** Whether the browser lets the page sound; it does after a click or a key, or where it was told to always. */
  async function ask() {
    context ??= new AudioContext();
    const heard = context.resume().then(() => true, () => false);
    const late = new Promise((resolve) => setTimeout(() => resolve(false), ASK_MS));
    const before = allowed;
    allowed = (await Promise.race([heard, late])) || context.state === "running";
    if (allowed) rest();
    if (allowed !== before) ioc.tell("alarm-sound");
    return allowed;
  }

  /** Between sounds the machine need not mix silence. */
  const rest = () => context.suspend();

  async function play(severity) {
    if (isMuted() || !(await ask())) return;
    await context.resume();
    const begin = context.currentTime + 0.05;
    const loudness = context.createGain();
    loudness.connect(context.destination);
    loudness.gain.setValueAtTime(0, begin);
    const tune = TUNES[severity];
    tune.forEach((frequency, place) => tone(loudness, frequency, begin + place * TONE_S));
    const last = begin + tune.length * TONE_S;
    setTimeout(() => {
      loudness.disconnect();
      if (context.currentTime >= last) rest();
    }, (last - context.currentTime) * 1000 + 300);
  }

  function tone(loudness, frequency, at) {
    const source = new OscillatorNode(context, { type: "triangle", frequency });
    source.connect(loudness);
    // A soft edge, or the loudspeaker clicks.
    loudness.gain.setValueAtTime(0, at);
    loudness.gain.linearRampToValueAtTime(LOUDNESS, at + 0.02);
    loudness.gain.setValueAtTime(LOUDNESS, at + TONE_S - 0.06);
    loudness.gain.linearRampToValueAtTime(0, at + TONE_S - 0.02);
    source.start(at);
    source.stop(at + TONE_S);
  }

  const state = () => (isMuted() ? "off" : allowed ? "on" : "blocked");

  /** The switch in the header; null on pages that never sound. */
  function element() {
    if (!wanted) return null;
    const now = state();
    const said = ioc.text(`alarm_sound_${now}`);
    const press = async () => {
      if (now === "on") return mute(true);
      mute(false);
      return play(4); // so that one hears how loud it is
    };
    return ioc.element("button", { type: "button", id: "alarm-sound", class: now === "blocked" ? "text-button" : "icon-button", "data-state": now, "aria-pressed": String(now === "on"), title: ioc.text(`alarm_sound_${now}_long`), "aria-label": said, onclick: press },
      ioc.icon(now === "on" ? "sound" : "sound_off"), now === "blocked" ? said : null);
  }

  function draw() {
    document.getElementById("alarm-sound")?.replaceWith(element());
  }

  function start() {
    wanted = Boolean(window.AudioContext);
    if (!wanted) return;
    ioc.on("alarm-sound", draw);
    window.addEventListener("storage", (event) => event.key === KEPT && draw());
    const gesture = () => !allowed && ask();
    for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, gesture, { capture: true });
    ask();
  }

  ioc.alarmSound = { start, element, play };
})();
