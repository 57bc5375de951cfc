"""Converting positions from any frame to any other, vectorised, without silent datum shifts.

CGCS2000 and WGS 84 are taken as one and the same: their ellipsoids differ by less than 0.2 mm; positions in
today's realisation of WGS 84 differ from CGCS2000 (epoch 2000.0) by plate motion, below 1 m, which is not
modelled. `explain` says so for the record. Every other change of datum needs an operation with a known
accuracy or stated parameters, and is refused otherwise.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TypeAlias

import numpy as np
import shapely
from numpy.typing import ArrayLike
from pyproj import CRS, Transformer
from pyproj.enums import TransformDirection
from pyproj.exceptions import ProjError

from geodata.coordinates import gcj02
from geodata.coordinates.datum_shift import DatumParameters, HelmertShift
from geodata.coordinates.frame import (
    BD09,
    CGCS2000,
    CGCS2000_DATUM,
    GCJ02,
    MODERN_DATUMS,
    OLD_CHINESE_DATUMS,
    WGS84,
    WGS84_DATUM,
    Frame,
)
from geodata.coordinates.gcj02 import Floats
from geodata.coordinates.local_frame import FARTHEST
from geodata.coordinates.measure import Geometries
from geodata.errors import UserError

_Mapping: TypeAlias = Callable[[Floats, Floats], tuple[Floats, Floats]]


@dataclass(frozen=True)
class _Step:
    note: str
    apply: _Mapping


_Route: TypeAlias = tuple[_Step, ...]


def convert(
    x: ArrayLike,
    y: ArrayLike,
    source: Frame | str,
    target: Frame | str,
    parameters: DatumParameters | None = None,
) -> tuple[Floats, Floats]:
    """Convert positions, x (longitude, easting) first, degrees or metres as the frames have it.

    NaN stays NaN. A position that cannot be of the source frame becomes NaN too: a latitude above 90, an
    easting more than 1 000 km off its central meridian (as when a zone number is missing or surplus).
    Raises UserError for an unknown frame, and for a change of datum without a known operation or
    `parameters`.
    """
    source, target = _frame(source), _frame(target)
    x, y = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
    shape = x.shape
    x, y = _only_plausible(x.ravel(), y.ravel(), source)
    for step in _route(source, target, parameters):
        x, y = step.apply(x, y)
    lost = ~(np.isfinite(x) & np.isfinite(y))
    x, y = np.where(lost, np.nan, x), np.where(lost, np.nan, y)
    return x.reshape(shape), y.reshape(shape)


def convert_geometries(
    geometries: Geometries,
    source: Frame | str,
    target: Frame | str,
    parameters: DatumParameters | None = None,
) -> np.ndarray:
    """Convert shapely geometries vertex by vertex; heights are dropped, None stays None.

    Vertices that `convert` cannot place become NaN, so that the caller can find and refuse their rows.
    """

    def mapping(points: Floats) -> Floats:
        return np.column_stack(convert(points[:, 0], points[:, 1], source, target, parameters))

    shapes = np.asarray(geometries, dtype=object)
    return np.asarray(shapely.transform(shapes, mapping))


def explain(
    source: Frame | str, target: Frame | str, parameters: DatumParameters | None = None
) -> tuple[str, ...]:
    """What `convert` does on the way, one sentence per step, for a dataset's lineage. Raises as `convert`."""
    return tuple(step.note for step in _route(_frame(source), _frame(target), parameters))


def _frame(frame: Frame | str) -> Frame:
    return frame if isinstance(frame, Frame) else Frame.parse(frame)


def _only_plausible(x: Floats, y: Floats, frame: Frame) -> tuple[Floats, Floats]:
    if frame.is_degrees:
        fits = (np.abs(x) <= 180.0) & (np.abs(y) <= 90.0)
    elif (false_easting := frame.false_easting) is not None:
        fits = (np.abs(x - false_easting) <= FARTHEST) & np.isfinite(y)
    else:
        fits = np.isfinite(x) & np.isfinite(y)
    return np.where(fits, x, np.nan), np.where(fits, y, np.nan)


@lru_cache(maxsize=256)
def _route(source: Frame, target: Frame, parameters: DatumParameters | None) -> _Route:
    if parameters is not None and parameters.source.datum not in (source.datum, target.datum):
        raise UserError(
            f"The stated parameters are for {parameters.source.datum}, but neither {source} nor {target} is: "
            "leave them out or name the frame they are for."
        )
    if source == target:
        return ()
    if source.definition and target.definition and source.datum == target.datum:
        return (_projection_step(source.crs, target.crs, f"{source} to {target}, datum {source.datum} kept"),)
    upward, datum = _to_modern(source, target, parameters)
    downward, target_datum = _from_modern(target, source, parameters)
    null = () if datum == target_datum else (_null_step(datum, target_datum),)
    return upward + null + downward


def _null_step(datum: str, target_datum: str) -> _Step:
    return _Step(
        f"{datum} taken as {target_datum} unchanged (same position at metre level; plate motion since 2000.0 "
        "not modelled)",
        lambda x, y: (x, y),
    )


def _to_modern(frame: Frame, other: Frame, parameters: DatumParameters | None) -> tuple[_Route, str]:
    """Steps from a frame to degrees in CGCS2000 or WGS 84, and which of the two."""
    if frame.local:
        step = _Step(f"local frame {frame} to CGCS2000 by its own parameters", frame.local.to_degrees)
        return (step,), CGCS2000_DATUM
    if frame == GCJ02:
        return (_Step("GCJ-02 to WGS 84, formula inverted, metre level", gcj02.gcj02_to_wgs84),), WGS84_DATUM
    if frame == BD09:
        steps = (_Step("BD-09 to GCJ-02, formula inverted", gcj02.bd09_to_gcj02),)
        return steps + _to_modern(GCJ02, other, None)[0], WGS84_DATUM
    if frame.datum in MODERN_DATUMS:
        return _unproject(frame), frame.datum
    return _change_datum(frame, other, parameters, TransformDirection.FORWARD)


def _from_modern(frame: Frame, other: Frame, parameters: DatumParameters | None) -> tuple[_Route, str]:
    """Steps from degrees in CGCS2000 or WGS 84 to a frame, and which of the two it starts from."""
    if frame.local:
        step = _Step(f"CGCS2000 to local frame {frame} by its own parameters", frame.local.from_degrees)
        return (step,), CGCS2000_DATUM
    if frame == GCJ02:
        return (
            _Step("WGS 84 to GCJ-02 by the published formula, metre level", gcj02.wgs84_to_gcj02),
        ), WGS84_DATUM
    if frame == BD09:
        steps = (_Step("GCJ-02 to BD-09 by the published formula", gcj02.gcj02_to_bd09),)
        return _from_modern(GCJ02, other, None)[0] + steps, WGS84_DATUM
    if frame.datum in MODERN_DATUMS:
        geographic = _geographic(frame)
        if frame == geographic:
            return (), frame.datum
        return (
            _projection_step(geographic.crs, frame.crs, f"{frame.datum} degrees to {frame}"),
        ), frame.datum
    return _change_datum(frame, other, parameters, TransformDirection.INVERSE)


def _geographic(frame: Frame) -> Frame:
    return CGCS2000 if frame.datum == CGCS2000_DATUM else WGS84


def _unproject(frame: Frame) -> _Route:
    geographic = _geographic(frame)
    if frame == geographic:
        return ()
    return (_projection_step(frame.crs, geographic.crs, f"{frame} to {frame.datum} degrees"),)


def _change_datum(
    frame: Frame, other: Frame, parameters: DatumParameters | None, direction: TransformDirection
) -> tuple[_Route, str]:
    """Steps between a frame of another datum and modern degrees, by parameters or by a known operation."""
    if parameters is not None and parameters.source.datum == frame.datum:
        return _by_parameters(frame, parameters, direction)
    if frame.datum in OLD_CHINESE_DATUMS:
        raise UserError(
            f"{frame} is on the datum {frame.datum}, up to 100 m off {other.datum}, and no public "
            f"transformation links it with {other}: state its seven or four parameters in a parameter file."
        )
    if direction is TransformDirection.FORWARD:
        step = _projection_step(frame.crs, WGS84.crs, f"{frame} ({frame.datum}) to WGS 84 by EPSG")
    else:
        step = _projection_step(WGS84.crs, frame.crs, f"WGS 84 to {frame} ({frame.datum}) by EPSG")
    return (step,), WGS84_DATUM


def _by_parameters(
    frame: Frame, parameters: DatumParameters, direction: TransformDirection
) -> tuple[_Route, str]:
    forward = direction is TransformDirection.FORWARD
    origin = f" ({parameters.reference})" if parameters.reference else ""
    if isinstance(parameters, HelmertShift):
        degrees = frame.crs.geodetic_crs
        assert degrees is not None  # a frame with a datum has one
        own = _between(frame.crs, degrees, frame.name, forward)
        shift = _Step(
            f"seven stated parameters between {frame.datum} and CGCS2000{origin}",
            partial(parameters.transformer.transform, direction=direction),
        )
        return ((*own, shift) if forward else (shift, *own)), CGCS2000_DATUM
    own = _between(frame.crs, parameters.source.crs, frame.name, forward)
    similarity = parameters.similarity
    shift = _Step(
        f"four stated parameters between {parameters.source} and {parameters.target}{origin}",
        similarity.apply if forward else similarity.invert,
    )
    if forward:
        rest, datum = _to_modern(parameters.target, frame, None)
        return (*own, shift, *rest), datum
    rest, datum = _from_modern(parameters.target, frame, None)
    return (*rest, shift, *own), datum


def _between(crs: CRS, other: CRS, name: str, forward: bool) -> _Route:
    if crs == other:
        return ()
    ends = (crs, other) if forward else (other, crs)
    return (_projection_step(*ends, f"{name} projected within its own datum"),)


def _projection_step(source: CRS, target: CRS, note: str) -> _Step:
    try:
        transformer = Transformer.from_crs(source, target, always_xy=True, allow_ballpark=False)
    except ProjError as error:
        raise UserError(
            f"No transformation of known accuracy leads from {source.name} to {target.name}: "
            "deliver the data in CGCS2000, or state the datum's parameters in a parameter file."
        ) from error
    return _Step(note, transformer.transform)
