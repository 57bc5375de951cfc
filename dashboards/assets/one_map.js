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
    ioc.memory.theme = ioc.viewState.themeOfAddress();
    if (new URLSearchParams(location.search).has("embed")) document.body.dataset.embed = "";
    document.documentElement.dataset.theme = ioc.memory.theme;
    const loading = Promise.all([ioc.layers.load(), ioc.baseMap.load()]).then(([found]) => found);
    await framed();
    document.getElementById("map-loading").lastChild.textContent = ioc.text("map_loading");
    const layers = await loading;
    ioc.filters.keepSound();
    const asked = ioc.viewState.fromAddress(layers);
    if (!(await ioc.mapView.start(layers))) return;
    ioc.layerPanel.start();
    ioc.searchBox.start();
    ioc.recordCard.start();
    ioc.statusBar.start();
    ioc.mapTools.start();
    ioc.legendCounts.start();
    ioc.featureTable.start();
    ioc.layerStatistics.start();
    ioc.viewPanel.start();
    ioc.mapSwipe.start();
    if (asked?.swipe) ioc.mapSwipe.restore(asked.swipe);
    ioc.viewState.select(asked);
    ioc.gridCheck.start();
    ioc.layers.follow();
    const signedIn = ioc.header.start();
    ioc.featureEdit.start(signedIn);
    ioc.caseReport.start();
    ioc.caseAround.start();
    ioc.panelFocus.start();
    ioc.liveSign.start();
    ioc.livePanel.start();
    ioc.liveDevices.start();
    ioc.alarmNotice.start(signedIn);
    ioc.liveMap.start().then(ioc.replayPanel.start);
    ioc.stationCard.start();
    ioc.vehicleTrack.start();
    document.getElementById("map-loading").remove();
  }

  start().catch((problem) => ioc.banner.show("problem_start", "bad", problem.message));
})();
