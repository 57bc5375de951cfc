/* The replayed moment in the address: …/@2026-11-20T15:35, with ~ and the end of what is played on from there. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const ZONE_MS = 8 * 3600e3; // Beijing time, which has no summer time
  const MARK = /@(\d{4}-\d\d-\d\dT\d\d:\d\d)(?:~(\d{4}-\d\d-\d\dT\d\d:\d\d|now))?$/;

  /** A moment as the district's clocks show it, and fields for date and time take it. */
  const local = (at) => new Date(at + ZONE_MS).toISOString().slice(0, 16);
  const parse = (text) => Date.parse(`${text}+08:00`);

  /** What the address says of the replay; empty when the map shows the present. */
  function mark() {
    const { moment, until, leaving } = ioc.replay.state();
    return moment === null || leaving ? "" : `/@${local(moment)}${until === null ? "" : `~${local(until)}`}`;
  }

  /** What an address asks for: {at, until, plays}; null for nothing, NaN where it cannot be read. */
  function read(hash) {
    if (!hash.includes("@")) return null;
    const [, at, end] = MARK.exec(hash) || [];
    return { at: parse(at), until: end && end !== "now" ? parse(end) : null, plays: Boolean(end) };
  }

  /** The address under which something is played on the map from its begin to its end, or until now. */
  function address(began, ended, place = "") {
    return `/#${place}@${local(Date.parse(began))}~${ended ? local(Date.parse(ended)) : "now"}`;
  }

  ioc.replayLink = { local, parse, mark, read, address };
})();
