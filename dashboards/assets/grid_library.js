/* AG Grid as dash-ag-grid ships it: two megabytes that are fetched when the first table is opened, not before. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const ID = "feature-grid";
  let loading = null;

  const script = (src) =>
    new Promise((resolve, reject) => {
      const node = ioc.element("script", { src, onload: resolve, onerror: () => reject(new Error(ioc.text("problem_server"))) });
      document.head.append(node);
    });

  /** dash-ag-grid finds its second part beside its first one. A failed attempt is made again the next time. */
  function load() {
    loading = loading || script(ioc.page.grid_library).catch((problem) => {
      loading = null;
      throw problem;
    });
    return loading;
  }

  const words = () => {
    const mark = "grid_";
    const texts = Object.entries(ioc.page.texts[ioc.memory.language]).filter(([key]) => key.startsWith(mark));
    return Object.fromEntries(texts.map(([key, text]) => [key.slice(mark.length), text]));
  };

  /**
   * A grid in an element: {api, remove}. Options are AG Grid's own; `getRows(request, api)` answers its requests
   * for rows, which are told apart by their `key`.
   */
  async function mount(node, options, getRows) {
    await load();
    const root = window.ReactDOM.createRoot(node);
    const ready = new Promise((resolve) => {
      const grid = window.React.createElement(window.dash_ag_grid.AgGrid, {
        id: ID,
        className: "feature-grid",
        style: { height: "100%" },
        columnDefs: [],
        rowModelType: "infinite",
        getRowId: "params.data.key",
        dashGridOptions: { ...options, localeText: words() },
        setProps: async ({ getRowsRequest }) => getRowsRequest && getRows(getRowsRequest, await ready),
      });
      root.render(grid);
      resolve(window.dash_ag_grid.getApiAsync(ID));
    });
    return { api: await ready, remove: () => root.unmount() };
  }

  ioc.gridLibrary = { mount };
})();
