/* Coordinates under the cursor: CGCS2000 degrees, Gauss–Kruger metres of the 3-degree zone, map scale. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const A = 6378137; // metres, CGCS2000
  const F = 1 / 298.257222101;
  const FALSE_EASTING = 500000; // metres
  const RADIANS = Math.PI / 180;
  // A CSS pixel is 1/96 inch by definition, so 1:n holds for a screen of that density.
  const PIXEL_METRES = 0.0254 / 96;
  const EQUATOR_PIXEL = (2 * Math.PI * A) / 256; // metres per pixel at Leaflet zoom 0

  const n = F / (2 - F);
  const eccentricity = Math.sqrt(F * (2 - F));
  const rectifyingRadius = (A / (1 + n)) * (1 + n ** 2 / 4 + n ** 4 / 64);
  const ALPHA = [
    n / 2 - (2 / 3) * n ** 2 + (5 / 16) * n ** 3 + (41 / 180) * n ** 4,
    (13 / 48) * n ** 2 - (3 / 5) * n ** 3 + (557 / 1440) * n ** 4,
    (61 / 240) * n ** 3 - (103 / 140) * n ** 4,
    (49561 / 161280) * n ** 4,
  ];

  /**
   * Gauss–Kruger of CGCS2000, scale 1 on the central meridian: {north, east} in metres.
   * Krüger's series in the third flattening to n⁴ (Karney 2011, "Transverse Mercator with an accuracy of a few
   * nanometers", eqs 7–11 and 35), good to well below a millimetre within the zone.
   */
  function gaussKruger(lon, lat, meridian) {
    const lambda = (lon - meridian) * RADIANS;
    const sinLat = Math.sin(lat * RADIANS);
    const tau = Math.sinh(Math.atanh(sinLat) - eccentricity * Math.atanh(eccentricity * sinLat));
    const xi = Math.atan2(tau, Math.cos(lambda));
    const eta = Math.asinh(Math.sin(lambda) / Math.hypot(tau, Math.cos(lambda)));
    let north = xi;
    let east = eta;
    ALPHA.forEach((alpha, index) => {
      const k = 2 * (index + 1);
      north += alpha * Math.sin(k * xi) * Math.cosh(k * eta);
      east += alpha * Math.cos(k * xi) * Math.sinh(k * eta);
    });
    return { north: rectifyingRadius * north, east: FALSE_EASTING + rectifyingRadius * east };
  }

  /** Metres on the ground per CSS pixel at a latitude and Leaflet zoom. */
  const metresPerPixel = (lat, zoom) => (EQUATOR_PIXEL * Math.cos(lat * RADIANS)) / 2 ** zoom;

  /** The n of 1:n at a latitude and Leaflet zoom. */
  const scaleNumber = (lat, zoom) => metresPerPixel(lat, zoom) / PIXEL_METRES;

  /** The longest 1-2-5 length that fits into a width, as {metres, pixels}. */
  function scaleBar(lat, zoom, widest) {
    const longest = metresPerPixel(lat, zoom) * widest;
    const power = 10 ** Math.floor(Math.log10(longest));
    const metres = [5, 2, 1].map((digit) => digit * power).find((length) => length <= longest);
    return { metres, pixels: metres / metresPerPixel(lat, zoom) };
  }

  /** 114°18′36.000″: rounded once, in thousandths of a second, so that no field shows 60. */
  function degreesMinutesSeconds(degrees) {
    const thousandths = Math.round(Math.abs(degrees) * 3600000);
    const seconds = ((thousandths % 60000) / 1000).toFixed(3).padStart(6, "0");
    const minutes = String(Math.floor(thousandths / 60000) % 60).padStart(2, "0");
    return `${degrees < 0 ? "-" : ""}${Math.floor(thousandths / 3600000)}°${minutes}′${seconds}″`;
  }

  ioc.coordinates = { gaussKruger, degreesMinutesSeconds, metresPerPixel, scaleNumber, scaleBar };
})();
