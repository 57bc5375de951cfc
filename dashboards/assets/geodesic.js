/* Lengths and areas on the CGCS2000 ellipsoid, for lines and rings of [lon, lat] in degrees. */
(function () {
  "use strict";
  const ioc = (window.ioc = window.ioc || {});
  const A = 6378137; // metres, CGCS2000
  const F = 1 / 298.257222101;
  const B = A * (1 - F);
  const E2 = F * (2 - F);
  const SECOND_E2 = E2 / (1 - E2);
  const E = Math.sqrt(E2);
  const AUTHALIC_RADIUS_SQUARED = (A ** 2 + (B ** 2 * Math.atanh(E)) / E) / 2;
  const RADIANS = Math.PI / 180;
  const MOST_TURNS = 20;
  const CLOSE_ENOUGH = 1e-17; // radians

  // Gauss–Legendre quadrature on [-1, 1] with five points.
  const INNER = Math.sqrt(5 - 2 * Math.sqrt(10 / 7)) / 3;
  const OUTER = Math.sqrt(5 + 2 * Math.sqrt(10 / 7)) / 3;
  const INNER_WEIGHT = (322 + 13 * Math.sqrt(70)) / 900;
  const OUTER_WEIGHT = (322 - 13 * Math.sqrt(70)) / 900;
  const QUADRATURE = [[0, 128 / 225], [INNER, INNER_WEIGHT], [-INNER, INNER_WEIGHT], [OUTER, OUTER_WEIGHT], [-OUTER, OUTER_WEIGHT]];

  /**
   * The geodesic between two points: {metres, squareMetres}, the second being the area between it and the equator,
   * positive eastwards. Length after Vincenty (1975), "Direct and inverse solutions of geodesics on the ellipsoid";
   * area after Karney (2013), "Algorithms for geodesics", eqs 58–61, its integral by quadrature, since what is drawn
   * is short. Points on opposite sides of the earth are beyond it.
   */
  function inverse([lon1, lat1], [lon2, lat2]) {
    if (lon1 === lon2 && lat1 === lat2) return { metres: 0, squareMetres: 0 };
    // Taken modulo 360 only where it must be: a small difference would lose its last digits.
    const east = lon2 - lon1;
    const lonDifference = (Math.abs(east) <= 180 ? east : east - 360 * Math.sign(east)) * RADIANS;
    const beta1 = Math.atan((1 - F) * Math.tan(lat1 * RADIANS));
    const beta2 = Math.atan((1 - F) * Math.tan(lat2 * RADIANS));
    const [sin1, cos1, sin2, cos2] = [Math.sin(beta1), Math.cos(beta1), Math.sin(beta2), Math.cos(beta2)];
    let omega = lonDifference;
    let arc;
    for (let turn = 0; turn < MOST_TURNS; turn += 1) {
      arc = sphericalArc(omega, sin1, cos1, sin2, cos2);
      const c = (F / 16) * arc.cos2Alpha * (4 + F * (4 - 3 * arc.cos2Alpha));
      const next = lonDifference + (1 - c) * F * arc.sinAlpha *
        (arc.sigma + c * arc.sinSigma * (arc.cosMiddle + c * arc.cosSigma * (2 * arc.cosMiddle ** 2 - 1)));
      const change = Math.abs(next - omega);
      omega = next;
      if (change < CLOSE_ENOUGH) break;
    }
    return { metres: lengthOf(arc), squareMetres: areaBelow(arc, omega, beta1, beta2) };
  }

  /** The great circle on the auxiliary sphere. */
  function sphericalArc(omega, sin1, cos1, sin2, cos2) {
    const [sinOmega, cosOmega] = [Math.sin(omega), Math.cos(omega)];
    const sinSigma = Math.hypot(cos2 * sinOmega, cos1 * sin2 - sin1 * cos2 * cosOmega);
    const cosSigma = sin1 * sin2 + cos1 * cos2 * cosOmega;
    const sinAlpha = sinSigma ? (cos1 * cos2 * sinOmega) / sinSigma : 0;
    const cos2Alpha = 1 - sinAlpha ** 2;
    const cosMiddle = cos2Alpha > 1e-15 ? cosSigma - (2 * sin1 * sin2) / cos2Alpha : 0;
    const alpha1 = Math.atan2(cos2 * sinOmega, cos1 * sin2 - sin1 * cos2 * cosOmega);
    const sigma1 = Math.atan2(sin1, cos1 * Math.cos(alpha1));
    return { sinSigma, cosSigma, sigma: Math.atan2(sinSigma, cosSigma), sinAlpha, cos2Alpha, cosMiddle, sigma1 };
  }

  function lengthOf({ sinSigma, cosSigma, sigma, cos2Alpha, cosMiddle }) {
    const u2 = cos2Alpha * SECOND_E2;
    const a = 1 + (u2 / 16384) * (4096 + u2 * (-768 + u2 * (320 - 175 * u2)));
    const b = (u2 / 1024) * (256 + u2 * (-128 + u2 * (74 - 47 * u2)));
    const inner = cosSigma * (2 * cosMiddle ** 2 - 1) - (b / 6) * cosMiddle * (4 * sinSigma ** 2 - 3) * (4 * cosMiddle ** 2 - 3);
    return B * a * (sigma - b * sinSigma * (cosMiddle + (b / 4) * inner));
  }

  function areaBelow({ sigma, sinAlpha, cos2Alpha, sigma1 }, omega, beta1, beta2) {
    const [tan1, tan2] = [Math.tan(beta1 / 2), Math.tan(beta2 / 2)];
    const excess = 2 * Math.atan2(Math.sin(omega / 2) * (tan1 + tan2), Math.cos(omega / 2) * (1 + tan1 * tan2));
    const cosAlpha = Math.sqrt(cos2Alpha);
    const k2 = SECOND_E2 * cos2Alpha;
    const t = (x) => x + Math.sqrt(1 / x + 1) * Math.asinh(Math.sqrt(x));
    const slope = (at) => {
      const below = Math.max(k2 * Math.sin(at) ** 2, 1e-12);
      return ((t(SECOND_E2) - t(below)) / (SECOND_E2 - below)) * (Math.sin(at) / 2);
    };
    const integral = QUADRATURE.reduce((sum, [node, weight]) => sum + weight * slope(sigma1 + (sigma / 2) * (1 + node)), 0) * (sigma / 2);
    return AUTHALIC_RADIUS_SQUARED * excess - E2 * A ** 2 * cosAlpha * sinAlpha * integral;
  }

  const pairs = (points) => points.slice(1).map((point, index) => inverse(points[index], point));

  /** Metres along a line. */
  const length = (points) => pairs(points).reduce((sum, part) => sum + part.metres, 0);

  /** Square metres inside a ring, which need not repeat its first point; 0 below three points. */
  function area(points) {
    if (points.length < 3) return 0;
    return Math.abs(pairs([...points, points[0]]).reduce((sum, part) => sum + part.squareMetres, 0));
  }

  ioc.geodesic = { length, area };
})();
