/* Lengths, areas and counts as people read them. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const grouped = (number, digits) => number.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });

  const length = (metres) => (metres >= 1000 ? `${grouped(metres / 1000, 3)} km` : `${grouped(metres, 2)} m`);
  const area = (squareMetres) => (squareMetres >= 1e6 ? `${grouped(squareMetres / 1e6, 4)} km²` : `${grouped(squareMetres, 1)} m²`);
  const count = (number) => grouped(number, 0);

  ioc.quantity = { length, area, count, of: (amount, measure) => (measure === "area" ? area(amount) : length(amount)) };
})();
