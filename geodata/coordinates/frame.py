"""Coordinate frames by name: CGCS2000, WGS84, GCJ-02, BD-09, EPSG codes and local frames.

Everywhere in this package x is longitude or easting and comes first, whatever order EPSG defines.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from pyproj import CRS
from pyproj.exceptions import CRSError

from geodata.coordinates.gauss_kruger import Zone, zone_of_central_meridian
from geodata.coordinates.local_frame import LocalFrame
from geodata.errors import UserError

CGCS2000_DATUM = "CGCS2000"
WGS84_DATUM = "WGS 84"
MODERN_DATUMS = frozenset({CGCS2000_DATUM, WGS84_DATUM})
OLD_CHINESE_DATUMS = frozenset({"Beijing 1954", "Xian 1980", "New Beijing"})
"""Datums with no public operation to CGCS2000: PROJ would shift nothing without a word, up to 100 m off."""

_DATUM_NAMES = {
    "china 2000": CGCS2000_DATUM,
    "world geodetic system 1984 ensemble": WGS84_DATUM,
    "world geodetic system 1984": WGS84_DATUM,
    "wgs 1984": WGS84_DATUM,
    "beijing 1954": "Beijing 1954",
    "xian 1980": "Xian 1980",
    "new beijing": "New Beijing",
}

_NAMES = {
    "CGCS2000": (
        "cgcs2000",
        "国家2000",
        "2000国家大地坐标系",
        "大地2000",
        "北斗",
        "epsg4490",
        "4490",
    ),
    "WGS84": ("wgs84", "wgs1984", "gps", "crs84", "ogccrs84", "urnogcdefcrsogc1.3crs84", "epsg4326", "4326"),
    "GCJ-02": ("gcj02", "gcj", "高德", "腾讯", "火星", "火星坐标", "amap"),
    "BD-09": ("bd09", "bd09ll", "百度", "baidu"),
    "EPSG:3857": ("webmercator", "web墨卡托", "墨卡托", "900913", "epsg900913"),
}
_FRAME_OF_NAME = {spelling: frame for frame, spellings in _NAMES.items() for spelling in spellings}
_DEFINITIONS = {"CGCS2000": "EPSG:4490", "WGS84": "EPSG:4326", "GCJ-02": "", "BD-09": ""}
_EPSG = re.compile(r"(?:.*epsg(?:/0/|::?|:)|epsg)?\s*(\d{4,6})", re.IGNORECASE)
_ZONE = re.compile(
    r"cgcs2000\D*?([36])degree(?:gausskruger|gk)?(?:(zone)(\d{2})|cm(\d{2,3})e?)", re.IGNORECASE
)
_KNOWN = "CGCS2000, WGS84, GCJ-02, BD-09 or an EPSG code such as EPSG:4547"


@dataclass(frozen=True)
class Frame:
    """What a pair of numbers means: a named frame, a coordinate reference system, or a local plane.

    `definition` is what PROJ reads (empty for GCJ-02, BD-09 and local frames).
    """

    name: str
    definition: str = ""
    local: LocalFrame | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a frame's name or EPSG code, however it is spelled; UserError says which are known."""
        folded = _fold(text)
        if name := _FRAME_OF_NAME.get(folded):
            return cls(name, _DEFINITIONS.get(name, name))
        if zone := _zone_by_label(folded):
            return cls(f"EPSG:{zone.epsg}", f"EPSG:{zone.epsg}")
        if match := _EPSG.fullmatch(unicodedata.normalize("NFKC", text).strip()):
            name = f"EPSG:{int(match[1])}"
            if known := _FRAME_OF_NAME.get(_fold(name)):
                return cls(known, _DEFINITIONS.get(known, known))
            frame = cls(name, name)
            frame.check()
            return frame
        raise UserError(f"Coordinate frame '{text[:60]}' is unknown: use {_KNOWN}.")

    @classmethod
    def of_crs(cls, crs: CRS) -> Self:
        """The frame of a file's own coordinate reference system, for instance a shapefile's .prj."""
        code = crs.to_epsg(min_confidence=70)
        if code is not None:
            return cls.parse(str(code))
        frame = cls(crs.name, crs.to_wkt())
        frame.check()
        return frame

    @classmethod
    def of_local(cls, local: LocalFrame) -> Self:
        """The frame of a city's own plane."""
        return cls(local.name, local=local)

    def check(self) -> None:
        """UserError unless the frame can carry plane or geographic positions."""
        if self.definition:
            crs = self.crs
            if not (crs.is_projected or crs.is_geographic) or len(crs.axis_info) != 2:
                raise UserError(
                    f"{self.name} ({crs.name}) is a {crs.type_name}, not a plane or longitude/latitude: "
                    f"use {_KNOWN}."
                )

    @property
    def crs(self) -> CRS:
        """The horizontal coordinate reference system; UserError where PROJ does not know it."""
        return _crs(self.name, self.definition)

    @property
    def datum(self) -> str:
        """Name of the datum: 'CGCS2000', 'WGS 84', 'Beijing 1954', …; GCJ-02 and BD-09 are tied to WGS 84."""
        if self.local:
            return CGCS2000_DATUM
        return _datum(self.name, self.definition) if self.definition else WGS84_DATUM

    @property
    def is_degrees(self) -> bool:
        """Whether coordinates are longitude and latitude, not metres."""
        return not self.local and (not self.definition or self.crs.is_geographic)

    @property
    def false_easting(self) -> float | None:
        """Easting of the central meridian in metres for transverse Mercator planes, None for all others."""
        return _false_easting(self.name, self.definition) if self.definition else None

    def __str__(self) -> str:
        return self.name


CGCS2000 = Frame("CGCS2000", "EPSG:4490")
WGS84 = Frame("WGS84", "EPSG:4326")
GCJ02 = Frame("GCJ-02")
BD09 = Frame("BD-09")
WEB_MERCATOR = Frame("EPSG:3857", "EPSG:3857")


def _fold(text: str) -> str:
    return re.sub(r"[\s_\-–—/:()]|坐标系?$", "", unicodedata.normalize("NFKC", text)).lower()


def _zone_by_label(folded: str) -> Zone | None:
    match = _ZONE.fullmatch(folded)
    if not match:
        return None
    width = 3 if match[1] == "3" else 6
    if match[2]:
        return Zone(width, int(match[3]), numbered=True)
    return zone_of_central_meridian(float(match[4]), width)


@lru_cache(maxsize=256)
def _crs(name: str, definition: str) -> CRS:
    try:
        crs = CRS.from_user_input(definition)
    except CRSError as error:
        raise UserError(f"Coordinate frame {name} is unknown: use {_KNOWN}.") from error
    if crs.is_compound:
        crs = crs.sub_crs_list[0]
    return crs.to_2d() if crs.is_geographic else crs


@lru_cache(maxsize=256)
def _datum(name: str, definition: str) -> str:
    geodetic = _crs(name, definition).geodetic_crs
    if geodetic is None or geodetic.datum is None:
        raise UserError(
            f"Coordinate frame {name} names no datum, so its place on earth is unknown: use {_KNOWN}."
        )
    spelled = geodetic.datum.name
    return _DATUM_NAMES.get(spelled.lower().removeprefix("d_").replace("_", " "), spelled)


@lru_cache(maxsize=256)
def _false_easting(name: str, definition: str) -> float | None:
    operation = _crs(name, definition).coordinate_operation
    if operation is None or "Transverse Mercator" not in operation.method_name:
        return None
    for parameter in operation.params:
        if parameter.name == "False easting":
            return float(parameter.value) * parameter.unit_conversion_factor
    return None
