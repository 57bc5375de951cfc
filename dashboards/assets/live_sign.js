/* Whether what is shown is live: a sign in the header, and a banner that says since when it is not, or that more comes than is stored. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const FLOOD_SAID_MS = 90000; // three times as long as until it is said again
  const el = (...parts) => ioc.element(...parts);

  const clock = (time) => time.toLocaleTimeString("zh-CN", { timeZone: "Asia/Shanghai", hour12: false });

  function element() {
    const { connection, since } = ioc.live.state();
    if (ioc.replay?.isOn()) return replayed();
    const said = connection === "lost" ? ioc.text("live_lost_short", { time: clock(since) }) : ioc.text(connection === "live" ? "live" : "live_starting");
    return el("span", { id: "live-sign", role: "status", "data-state": connection, title: ioc.text(`live_${connection}_long`, { time: since ? clock(since) : "" }) }, el("i", { "aria-hidden": "true" }), said);
  }

  /** What is shown is not what is now; it changes too often to be read out each time. */
  const replayed = () => el("span", { id: "live-sign", "data-state": "replay", title: ioc.text("replay_long") }, el("i", { "aria-hidden": "true" }), ioc.text("replay_of", { time: ioc.clock(ioc.replay.now(), { year: false }) }));

  function draw() {
    const { connection, since } = ioc.live.state();
    document.getElementById("live-sign")?.replaceWith(element());
    if (connection === "lost" && !ioc.replay?.isOn()) ioc.banner.show("live_lost", "warn", ioc.text("live_lost", { time: clock(since) }));
    else ioc.banner.clear("live_lost");
  }

  let flood = null;

  /** Positions are shed: said by the server again and again while it lasts. */
  function tellOfFlood(items) {
    const said = items.map((item) => item.state).findLast((state) => state === "shedding" || state === "normal");
    if (!said) return;
    clearTimeout(flood);
    if (said === "shedding") {
      ioc.banner.show("live_flood", "warn");
      flood = setTimeout(() => ioc.banner.clear("live_flood"), FLOOD_SAID_MS);
    } else ioc.banner.clear("live_flood");
  }

  function start() {
    ioc.live.on("device", tellOfFlood);
    ioc.on("live", draw);
    ioc.on("replay", draw);
  }

  ioc.liveSign = { element, start };
})();
