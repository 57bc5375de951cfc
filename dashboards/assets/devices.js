/* The page of devices: who is online follows the stream; what a steward is filling in is left alone. */
(function () {
  "use strict";
  const GATHER_MS = 1500; // devices come back many at a time
  const FOLLOWED = ["devices-summary", "devices-list"];
  let waiting = null;
  let touched = false;

  const node = (id) => document.getElementById(id);

  async function again() {
    waiting = null;
    if (document.hidden) return;
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
    if (!answer?.ok || answer.redirected) return; // the stream says when the server is back
    const now = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of FOLLOWED) node(id).replaceChildren(...now.getElementById(id).childNodes);
    const codes = (page) => [...page.querySelectorAll("[data-device]")].map((row) => row.dataset.device).sort().join();
    const isNews = codes(now) !== codes(document);
    if (isNews && !touched) {
      node("devices-waiting").replaceChildren(...now.getElementById("devices-waiting").childNodes);
      begin();
    }
    node("devices-news").hidden = !(isNews && touched);
    node("devices-news").textContent = node("devices-news").dataset.text;
  }

  function begin() {
    const form = node("devices-form");
    if (!form) return;
    const boxes = () => [...form.querySelectorAll("[name=code]")];
    const all = node("devices-choose-all");
    form.addEventListener("input", () => (touched = true));
    all.addEventListener("change", () => boxes().forEach((box) => (box.checked = all.checked)));
    form.addEventListener("keydown", (event) => {
      // Enter in a row is about that row, not about those that are chosen.
      if (event.key !== "Enter" || !event.target.matches(".proposal input")) return;
      event.preventDefault();
      event.target.closest("tr").querySelector(".decide button").click();
    });
  }

  const told = () => (waiting ??= setTimeout(again, GATHER_MS));

  begin();
  const stream = new EventSource("/live?topics=device");
  for (const topic of ["device", "gap", "open"]) stream.addEventListener(topic, told);
  document.addEventListener("visibilitychange", told);
})();
