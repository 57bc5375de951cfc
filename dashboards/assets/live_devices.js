/* Which devices are online: counted in the layer panel; what those offline measured last is greyed. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const STATES = ["online", "offline", "never"];
  const states = new Map(); // state and since when, by device

  function take(items, whole) {
    if (whole) states.clear();
    const changed = items.filter(({ state }) => STATES.includes(state)); // the topic tells of other things too
    for (const { device, state, since } of changed) states.set(device, { state, since });
    if (changed.length || whole) ioc.tell("live-devices", whole ? null : new Set(changed.map(({ device }) => device)));
  }

  const isOffline = (device) => states.get(device)?.state === "offline";

  const count = (wanted) => [...states.values()].filter(({ state }) => state === wanted).length;

  /** The line of the panel; stewards go on from it to the list. */
  function element() {
    const [online, offline, never] = STATES.map(count);
    const said = ioc.text("live_devices", { online: online.toLocaleString("en-US"), offline: offline.toLocaleString("en-US") });
    const more = { id: "live-devices", class: "quiet figures", title: ioc.text("live_devices_long", { never }), "data-offline": offline };
    return ioc.viewer?.pages?.devices ? ioc.element("a", { ...more, href: "/devices?state=offline" }, said) : ioc.element("p", more, said);
  }

  function draw() {
    document.getElementById("live-devices")?.replaceWith(element());
  }

  function start() {
    ioc.live.on("device", take);
    ioc.on("live-devices", draw);
  }

  ioc.liveDevices = { start, element, isOffline };
})();
