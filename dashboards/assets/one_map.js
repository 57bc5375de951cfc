/* Starts the one map page: the catalogue is fetched while Dash is still building the page. */
(function () {
  "use strict";
  const ioc = window.ioc;

  /** Resolves when Dash has put the page's frame into the document. */
  function framed() {
    return new Promise((resolve) => {
      const present = () => document.getElementById("one-map");
      if (present()) return resolve();
      const watcher = new MutationObserver(() => {
        if (!present()) return;
        watcher.disconnect();
        resolve();
      });
      watcher.observe(document.body, { childList: true, subtree: true });
      return undefined;
    });
  }

  async function start() {
    ioc.applyLanguage(ioc.memory.language);
    document.documentElement.dataset.theme = ioc.memory.theme;
    const loading = ioc.layers.load();
    await framed();
    const layers = await loading;
    if (!(await ioc.mapView.start(layers))) return;
    ioc.layerPanel.start();
    ioc.searchBox.start();
    ioc.recordCard.start();
    ioc.statusBar.start();
    ioc.mapTools.start();
    ioc.layers.follow();
    ioc.header.start();
    document.getElementById("map-loading").remove();
  }

  start().catch((problem) => ioc.banner.show("problem_start", "bad", problem.message));
})();
