"""Small files of formats that no library here writes: DXF, SWMM, OpenStreetMap."""

import struct
import zlib


def _codes(*pairs: object) -> str:
    return "".join(f"{pair}\n" for pair in pairs)


DRAWING = (
    _codes(
        0, "SECTION", 2, "HEADER", 9, "$ACADVER", 1, "AC1015", 9, "$DWGCODEPAGE", 3, "ANSI_936", 0, "ENDSEC"
    )
    + _codes(0, "SECTION", 2, "BLOCKS", 0, "BLOCK", 8, 0, 2, "雨水井", 70, 2, 10, 0, 20, 0, 30, 0)
    + _codes(0, "CIRCLE", 8, 0, 10, 0, 20, 0, 40, 0.5, 0, "ENDBLK", 0, "ENDSEC", 0, "SECTION", 2, "ENTITIES")
    + _codes(0, "LINE", 8, "雨水管", 5, "A1", 10, 500000, 20, 3370000, 11, 500050, 21, 3370000)
    + _codes(0, "LINE", 8, "雨水管", 10, 500050, 20, 3370000, 11, 500100, 21, 3370010)
    + _codes(0, "TEXT", 8, "雨水注记", 10, 500025, 20, 3370001, 40, 2, 1, "DN300 混凝土")
    + _codes(0, "INSERT", 8, "井", 2, "雨水井", 66, 1, 10, 500000, 20, 3370000, 50, 45)
    + _codes(0, "ATTRIB", 8, "井", 10, 500000, 20, 3370000, 40, 1, 1, "YS001", 2, "编号", 70, 0)
    + _codes(0, "ATTRIB", 8, "井", 10, 500000, 20, 3370000, 40, 1, 1, "12.5", 2, "井深", 70, 0, 0, "SEQEND")
    + _codes(
        0, "LWPOLYLINE", 8, "房屋", 90, 4, 70, 1, 10, 0, 20, 0, 10, 10, 20, 0, 10, 10, 20, 10, 10, 0, 20, 10
    )
    + _codes(0, "ENDSEC", 0, "EOF")
)
"""Two pipes with a label a metre off, a well block with attributes, a closed outline of 10 by 10."""


def model(units: str, offsets: str) -> str:
    """A junction, an outfall, the conduit between them and a subcatchment."""
    return f"""[TITLE]
[OPTIONS]
FLOW_UNITS {units}
LINK_OFFSETS {offsets}
[JUNCTIONS]
;;Name Elevation MaxDepth
J1 100 10 0 0 0 ; a remark
[OUTFALLS]
O1 90 FREE NO
[CONDUITS]
C1 J1 O1 400 0.013 1 * 0
[XSECTIONS]
C1 CIRCULAR 2 0 0 0 1
[SUBCATCHMENTS]
S1 R1 J1 2 50 100 0.5 0
[COORDINATES]
J1 0 0
O1 100 0
[VERTICES]
C1 50 10
[POLYGONS]
S1 0 0
S1 9 0
S1 9 9
"""


ROAD = """<?xml version="1.0" encoding="UTF-8"?><osm version="0.6">
<node id="1" lon="114.3" lat="30.5"/><node id="2" lon="114.31" lat="30.51"/>
<way id="9"><nd ref="1"/><nd ref="2"/><tag k="highway" v="primary"/><tag k="name" v="中山路"/></way></osm>"""


def extract(form: str) -> bytes:
    """One road, as OpenStreetMap's XML or as its PBF (wiki.openstreetmap.org/wiki/PBF_Format)."""
    if form == ".osm":
        return ROAD.encode()
    words = [b"", b"highway", b"primary", b"name", "中山路".encode()]
    strings = b"".join(_field(1, word) for word in words)
    nodes = b"".join(
        _field(1, _number(1, _zigzag(key)) + _number(8, _zigzag(lat)) + _number(9, _zigzag(lon)))
        for key, lon, lat in ((1, 1_143_000_000, 305_000_000), (2, 1_143_100_000, 305_100_000))
    )
    way = _number(1, 9) + _field(2, bytes([1, 3])) + _field(3, bytes([2, 4]))
    way += _field(8, bytes([_zigzag(1), _zigzag(1)]))
    header = _field(4, b"OsmSchema-V0.6") + _field(4, b"DenseNodes")
    block = _field(1, strings) + _field(2, nodes) + _field(2, _field(3, way))
    return _blob(b"OSMHeader", header) + _blob(b"OSMData", block)


def _blob(kind: bytes, content: bytes) -> bytes:
    blob = _number(2, len(content)) + _field(3, zlib.compress(content))
    head = _field(1, kind) + _number(3, len(blob))
    return struct.pack(">I", len(head)) + head + blob


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def _zigzag(value: int) -> int:
    return value * 2 if value >= 0 else -value * 2 - 1


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content
