"""What makes each file of the awkward corpus awkward, and what is right of it all the same."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Trick:
    """One awkward file to write.

    ``frame`` is the frame its coordinates really are in (what the answer must be, unless ``answer`` says
    otherwise), ``stated`` what the file says of itself; ``form`` how coordinates are written; ``shift``
    metres that everything is off. ``most``: the confidence must stay below, where no more can be known.
    ``beside``: frames of further layers, by a part of their file's name.
    """

    name: str
    rows: str
    style: str
    writer: str
    frame: str = "CGCS2000"
    stated: str | None = None
    encoding: str = "UTF-8"
    swapped: bool = False
    form: str = "two"
    headers: tuple[str, str] = ("经度", "纬度")
    answer: str | None = None
    known: bool = True
    most: float | None = None
    shift: tuple[float, float] = (0.0, 0.0)
    titles: tuple[str, ...] = ()
    count: int | None = None
    target: bool = True
    beside: dict[str, str] = field(default_factory=dict)


XY = ("X坐标", "Y坐标")
NORTH_FIRST = ("X", "Y")
TRICKS: tuple[Trick, ...] = (
    Trick("csv_gcj", "facility", "chinese", "csv", "GCJ-02", encoding="GB18030"),
    Trick("csv_bd", "facility", "chinese", "csv", "BD-09"),
    Trick("csv_true", "facility", "wide", "csv", encoding="UTF-8"),
    Trick(
        "csv_bom_gcj", "facility", "english", "csv", "GCJ-02", encoding="UTF-8-BOM", headers=("lng", "lat")
    ),
    Trick("csv_utf16_bd", "facility", "initials", "csv", "BD-09", encoding="UTF-16", headers=("JD", "WD")),
    Trick(
        "csv_says_wgs",
        "facility",
        "chinese",
        "csv",
        "WGS84",
        stated="WGS84",
        headers=("经度(WGS84)", "纬度(WGS84)"),
    ),
    Trick(
        "csv_says_2000", "facility", "initials", "csv", "CGCS2000", headers=("CGCS2000经度", "CGCS2000纬度")
    ),
    Trick("csv_says_wgs_is_gcj", "facility", "chinese", "csv", "GCJ-02", headers=("WGS84_lon", "WGS84_lat")),
    Trick("csv_semicolon", "facility", "chinese", "semicolon", "GCJ-02", encoding="GB18030"),
    Trick(
        "tsv_titles", "facility", "chinese", "tsv", "BD-09", titles=("武昌区场所一览表", "填报单位：区政务局")
    ),
    Trick("csv_lat_named_lon", "facility", "chinese", "csv", "GCJ-02", swapped=True),
    Trick("csv_4547", "facility", "chinese", "csv", "EPSG:4547", headers=("横坐标", "纵坐标")),
    Trick(
        "csv_north_first",
        "pipe_node",
        "standard",
        "csv",
        "EPSG:4547",
        headers=NORTH_FIRST,
        swapped=True,
        encoding="GB18030",
    ),
    Trick("csv_zone", "component", "legacy", "csv", "EPSG:4526", headers=XY, encoding="GB18030"),
    Trick(
        "csv_zone_north_first", "component", "chinese", "csv", "EPSG:4526", headers=NORTH_FIRST, swapped=True
    ),
    Trick("csv_six_degrees", "component", "standard", "csv", "EPSG:4498", headers=("东坐标", "北坐标")),
    Trick("csv_mercator", "facility", "chinese", "csv", "EPSG:3857", headers=("x", "y")),
    Trick("csv_utm", "facility", "chinese", "csv", "EPSG:32650", headers=("Easting", "Northing")),
    Trick("csv_dms", "station", "chinese", "csv", form="dms", encoding="GB18030"),
    Trick("csv_dms_gcj", "facility", "chinese", "csv", "GCJ-02", form="dms"),
    Trick("csv_dms_pair", "facility", "chinese", "csv", form="dms_pair", encoding="GB18030"),
    Trick("csv_packed", "station", "standard", "csv", form="packed"),
    Trick("csv_packed_decimal", "facility", "chinese", "csv", form="d.mmss"),
    Trick("csv_pair", "facility", "chinese", "csv", "GCJ-02", form="pair"),
    Trick(
        "csv_pair_lat_first",
        "facility",
        "chinese",
        "csv",
        "BD-09",
        form="pair",
        swapped=True,
        encoding="GB18030",
    ),
    Trick("csv_wkt_points", "tree", "chinese", "csv", form="wkt"),
    Trick("csv_wkt_lines", "pipe_segment", "standard", "csv", "EPSG:4547", form="wkt", encoding="GB18030"),
    Trick("csv_big5", "park", "traditional", "csv", encoding="Big5", headers=("經度", "緯度")),
    Trick("csv_tree_true", "tree", "chinese", "csv"),
    Trick("csv_tree_gcj", "tree", "chinese", "csv", "GCJ-02", encoding="GB18030"),
    Trick("csv_tree_bd", "tree", "chinese", "csv", "BD-09"),
    Trick("csv_case_gcj", "case", "chinese", "csv", "GCJ-02", encoding="GB18030"),
    Trick("csv_case_true", "case", "chinese", "csv", headers=("lon", "lat")),
    Trick("csv_local", "facility", "chinese", "csv", "local", headers=("X", "Y"), answer=None, known=False),
    Trick(
        "csv_three_bare", "tree", "chinese", "csv", "CGCS2000", count=3, most=0.75, known=False, target=False
    ),
    Trick(
        "csv_says_gcj_three",
        "tree",
        "chinese",
        "csv",
        "GCJ-02",
        count=3,
        headers=("高德经度", "高德纬度"),
        target=False,
    ),
    Trick("xlsx_gcj_titles", "camera", "chinese", "xlsx", "GCJ-02", titles=("视频监控点位表", "2026年6月")),
    Trick("xlsx_true", "station", "standard", "xlsx", headers=("LGTD", "LTTD")),
    Trick("xlsx_dms", "camera", "initials", "xlsx", form="dms"),
    Trick("xlsx_sheets", "facility", "chinese", "xlsx", "BD-09", titles=("附件1",)),
    Trick("xlsx_wide_digits", "facility", "wide", "xlsx", "GCJ-02", form="wide"),
    Trick(
        "xlsx_4547",
        "pipe_node",
        "chinese",
        "xlsx",
        "EPSG:4547",
        headers=("X坐标（北）", "Y坐标（东）"),
        swapped=True,
    ),
    Trick("shp_no_prj_gbk", "pipe_segment", "standard", "shp", "EPSG:4547", encoding="GB18030"),
    Trick("shp_no_prj_zone", "pipe_node", "standard", "shp", "EPSG:4526", encoding="GB18030"),
    Trick("shp_no_prj_degrees", "component", "standard", "shp", encoding="GB18030"),
    Trick("shp_no_prj_gcj", "component", "legacy", "shp", "GCJ-02"),
    Trick("shp_prj_4547", "pipe_segment", "cut", "shp", "EPSG:4547", stated="EPSG:4547", encoding="GB18030"),
    Trick("shp_cut_names", "component", "cut", "shp", stated="EPSG:4490", encoding="GB18030"),
    Trick("shp_wgs_prj_is_gcj", "facility", "initials", "shp", "GCJ-02", stated="EPSG:4326"),
    Trick(
        "shp_wgs_prj_is_bd", "component", "standard", "shp", "BD-09", stated="EPSG:4326", encoding="GB18030"
    ),
    Trick("shp_wgs_prj", "facility", "initials", "shp", "WGS84", stated="EPSG:4326"),
    Trick("shp_prj_degrees_is_metres", "component", "standard", "shp", "EPSG:4547", stated="EPSG:4490"),
    Trick("shp_prj_metres_is_degrees", "component", "legacy", "shp", "CGCS2000", stated="EPSG:4547"),
    Trick("shp_prj_without_zone", "pipe_node", "standard", "shp", "EPSG:4526", stated="EPSG:4547"),
    Trick("shp_north_first", "pipe_node", "standard", "shp", "EPSG:4547", stated="EPSG:4547", swapped=True),
    Trick("shp_mercator_no_prj", "community", "initials", "shp", "EPSG:3857"),
    Trick(
        "shp_xian80",
        "pipe_segment",
        "standard",
        "shp",
        "EPSG:4547",
        stated="EPSG:2383",
        answer="EPSG:2383",
        shift=(-60, -9),
    ),
    Trick(
        "shp_beijing54_zone",
        "component",
        "standard",
        "shp",
        "EPSG:4526",
        stated="EPSG:2414",
        answer="EPSG:2414",
        shift=(-45, 58),
    ),
    Trick(
        "shp_mislabelled_xian80",
        "community",
        "initials",
        "shp",
        "EPSG:4547",
        stated="EPSG:4547",
        shift=(-59.9, -8.5),
        most=0.5,
    ),
    Trick("shp_bad_cpg", "facility", "initials", "shp_bad_cpg", "GCJ-02", encoding="GB18030"),
    Trick("shp_zip", "component", "cut", "zip_shp", encoding="GB18030"),
    Trick("csv_zip", "facility", "chinese", "zip_csv", "BD-09", encoding="GB18030"),
    Trick("geojson_no_crs", "facility", "chinese", "geojson", "WGS84"),
    Trick("geojson_no_crs_gcj", "facility", "english", "geojson", "GCJ-02"),
    Trick("geojson_no_crs_bd", "component", "standard", "geojson", "BD-09"),
    Trick("geojson_lat_first", "component", "chinese", "geojson", "WGS84", swapped=True),
    Trick("geojson_4490", "community", "chinese", "geojson", stated="EPSG:4490"),
    Trick("geojson_4547", "pipe_segment", "chinese", "geojson", "EPSG:4547", stated="EPSG:4547"),
    Trick("geojson_pipe_metres", "pipe_segment", "metres", "geojson", "WGS84"),
    Trick("geojson_tree_gcj", "tree", "chinese", "geojson", "GCJ-02"),
    Trick("gpkg_4547", "component", "standard", "gpkg", "EPSG:4547", stated="EPSG:4547"),
    Trick("gpkg_4490_is_gcj", "component", "legacy", "gpkg", "GCJ-02", stated="EPSG:4490"),
    Trick("gpkg_mercator", "facility", "chinese", "gpkg", "EPSG:3857", stated="EPSG:3857"),
    Trick("gpkg_no_crs", "pipe_node", "english", "gpkg", "EPSG:4547"),
    Trick("kml", "facility", "english", "kml", "WGS84"),
    Trick("kml_gcj", "facility", "chinese", "kml", "GCJ-02"),
    Trick("fgb", "camera", "chinese", "fgb", "GCJ-02", stated="EPSG:4326"),
    Trick("mif", "facility", "initials", "mif", "WGS84", stated="EPSG:4326"),
    Trick("tab_gbk", "component", "standard", "tab", "WGS84", stated="EPSG:4326"),
    Trick("txt_utf16_tabs", "facility", "chinese", "txt", "GCJ-02", encoding="UTF-16"),
    Trick("csv_semicolon_bom", "facility", "chinese", "semicolon", "BD-09", encoding="UTF-8-BOM"),
    Trick("csv_ragged", "facility", "chinese", "ragged", "GCJ-02", encoding="GB18030"),
    Trick("csv_two_headers", "facility", "chinese", "two_headers", "BD-09", encoding="GB18030"),
    Trick("csv_zone_thousands", "component", "standard", "csv", "EPSG:4526", form="thousands", headers=XY),
    Trick(
        "csv_north_thousands",
        "pipe_node",
        "chinese",
        "csv",
        "EPSG:4547",
        form="thousands",
        headers=NORTH_FIRST,
        swapped=True,
        encoding="GB18030",
    ),
    Trick("csv_dms_words", "station", "chinese", "csv", form="dms_words", encoding="GB18030"),
    Trick("csv_dms_words_bd", "facility", "chinese", "csv", "BD-09", form="dms_words"),
    Trick("xlsx_two_headers", "facility", "chinese", "xlsx_two_headers", "GCJ-02", titles=("场所台账",)),
    Trick(
        "xlsx_totals",
        "facility",
        "chinese",
        "xlsx_totals",
        "BD-09",
        titles=("武昌区场所一览表", "填报单位：区政务局", "填报日期：2026年6月"),
    ),
    Trick(
        "zip_two_frames", "facility", "chinese", "zip_two_frames", "GCJ-02", beside={"测绘成果": "EPSG:4547"}
    ),
    Trick("zip_in_zip", "component", "cut", "zip_in_zip", "EPSG:4526", encoding="GB18030"),
    Trick("shp_nothing_stated", "component", "cut", "shp", "EPSG:4547", encoding="GB18030"),
    Trick("dxf_local", "pipe_segment", "standard", "dxf", "local", known=False, target=False),
    Trick("dxf_4547", "pipe_segment", "standard", "dxf", "EPSG:4547", encoding="GB18030", target=False),
    Trick("dxf_zone", "pipe_segment", "standard", "dxf", "EPSG:4526", target=False),
    Trick("kmz_folders", "facility", "english", "kmz", "WGS84"),
    Trick("kmz_folders_gcj", "facility", "chinese", "kmz", "GCJ-02"),
    Trick("gml_of_a_service", "facility", "initials", "gml", stated="EPSG:4490"),
    Trick("gml_metres", "pipe_node", "standard", "gml", "EPSG:4547", stated="EPSG:4547"),
    Trick("outlines_gcj", "outline", "chinese", "geojson", "GCJ-02"),
    Trick("outlines_bd", "outline", "chinese", "shp", "BD-09", encoding="GB18030"),
    Trick("outlines_4490_is_gcj", "outline", "chinese", "gpkg", "GCJ-02", stated="EPSG:4490"),
    Trick("outlines_true", "outline", "chinese", "shp", encoding="GB18030"),
    Trick(
        "outlines_mislabelled_xian80",
        "outline",
        "chinese",
        "gpkg",
        "EPSG:4547",
        stated="EPSG:4547",
        shift=(-59.9, -8.5),
        most=0.5,
    ),
)
