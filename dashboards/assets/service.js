/* Requests to the server, with one behaviour for a lost session, a refused request and an unreachable server. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const WORDED = [403, 404, 413, 429]; // texts have words for these; for 400 and 500 too
  const RETRY_SECONDS = [2, 5, 10, 20, 30];

  class ServiceProblem extends Error {
    constructor(message, status, fault) {
      super(message);
      this.status = status;
      this.fault = fault; // a refusal by name, where the page has words of its own for it
    }
  }

  // Who signs out is on the way to the sign-in page already, though the stream's end may be heard first.
  let leaving = false;
  document.addEventListener("submit", (event) => {
    leaving ||= new URL(event.target.action).pathname === "/sign-out";
  });

  function goToSignIn() {
    if (leaving) return;
    ioc.banner.show("signed_out", "bad");
    location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search + location.hash)}`);
  }

  async function get(path, options) {
    let response;
    try {
      response = await fetch(path, { headers: { Accept: "application/json" }, ...options });
    } catch (failure) {
      if (failure.name === "AbortError") throw failure;
      throw new ServiceProblem(ioc.text("problem_unreachable"), 0);
    }
    if (response.status === 401 || response.redirected) {
      goToSignIn();
      throw new ServiceProblem(ioc.text("signed_out"), 401);
    }
    if (!response.ok) throw await refusal(response);
    return response.status === 204 ? null : options?.raw ? response : response.json();
  }

  /** A refusal in the page's language: what the server says of it there, or what the status means. */
  async function refusal(response) {
    const { status } = response;
    const problem = await response.json().catch(() => ({}));
    const said = ioc.memory.language === "zh" ? problem.detail_zh : status < 500 && problem.detail;
    const kind = status >= 500 ? 500 : WORDED.includes(status) ? status : 400;
    return new ServiceProblem(said || ioc.text(`problem_status_${kind}`), status, problem.fault);
  }

  const post = (path, body, options) =>
    get(path, { method: "POST", headers: { Accept: "application/json", "Content-Type": "application/json" }, body: JSON.stringify(body), ...options });

  const remove = (path) => get(path, { method: "DELETE" });

  /** Like get, but waits and tries again while the server is unreachable or failing. */
  async function getAtLast(path) {
    for (let attempt = 0; ; attempt += 1) {
      try {
        const answer = await get(path);
        ioc.banner.clear("problem_server");
        return answer;
      } catch (problem) {
        if (problem.status !== 0 && problem.status < 500) throw problem;
        ioc.banner.show("problem_server", "warn");
        await pause(RETRY_SECONDS[Math.min(attempt, RETRY_SECONDS.length - 1)]);
      }
    }
  }

  /** A sentence in the place of what could not be fetched, with a button to try again where that may help. */
  function note(problem, again) {
    const passing = problem.status === 0 || problem.status === 429 || problem.status >= 500;
    const button = passing ? ioc.element("button", { type: "button", class: "text-button retry", onclick: again }, ioc.text("retry")) : null;
    return ioc.element("div", { class: "empty", role: "alert" }, ioc.element("p", {}, problem.message), button);
  }

  const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

  const said = new Map(); // messages by key, in the order they were said

  /** The strip under the header: what is wrong, a line each, and gone when it is right again or put away. */
  const banner = {
    show(key, level, message) {
      if (said.has(key) && !message) return;
      said.set(key, { level, message: message || ioc.text(key) });
      draw();
    },
    clear(key) {
      if (said.delete(key)) draw();
    },
  };

  function draw() {
    const node = document.getElementById("banner");
    const away = (key) => ioc.element("button", { type: "button", "aria-label": ioc.text("banner_away"), onclick: () => banner.clear(key) }, "×");
    node.replaceChildren(...[...said].map(([key, { level, message }]) => ioc.element("div", { "data-level": level }, ioc.element("span", {}, message), away(key))));
    node.hidden = !said.size;
  }

  ioc.banner = banner;
  ioc.service = { get, post, remove, getAtLast, goToSignIn, note };
})();
