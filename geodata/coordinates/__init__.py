"""Coordinates: frames and conversions between them, angles as people write them, measuring on the ellipsoid.

CGCS2000 is the frame of the store. Longitude or easting always comes first, whatever order EPSG defines.
"""

from geodata.coordinates.conversion import convert, convert_geometries, explain
from geodata.coordinates.datum_shift import DatumParameters, HelmertShift, PlaneShift
from geodata.coordinates.degrees import Angle, Fault, format_dms, parse_angle, parse_degrees
from geodata.coordinates.detection import Candidate, detect_by_magnitude
from geodata.coordinates.frame import BD09, CGCS2000, GCJ02, WEB_MERCATOR, WGS84, Frame
from geodata.coordinates.gauss_kruger import Zone, epsg_of_zone, zone_numbers, zone_of, zone_of_epsg
from geodata.coordinates.gcj02 import bd09_to_gcj02, gcj02_to_bd09, gcj02_to_wgs84, wgs84_to_gcj02
from geodata.coordinates.local_frame import LocalFrame, PlaneSimilarity
from geodata.coordinates.measure import bearing, geodesic_area, geodesic_distance, geodesic_length
from geodata.coordinates.parameter_file import StatedParameters, load_parameters
from geodata.coordinates.position_text import Position, parse_position

__all__ = [
    "BD09",
    "CGCS2000",
    "GCJ02",
    "WEB_MERCATOR",
    "WGS84",
    "Angle",
    "Candidate",
    "DatumParameters",
    "Fault",
    "Frame",
    "HelmertShift",
    "LocalFrame",
    "PlaneShift",
    "PlaneSimilarity",
    "Position",
    "StatedParameters",
    "Zone",
    "bd09_to_gcj02",
    "bearing",
    "convert",
    "convert_geometries",
    "detect_by_magnitude",
    "epsg_of_zone",
    "explain",
    "format_dms",
    "gcj02_to_bd09",
    "gcj02_to_wgs84",
    "geodesic_area",
    "geodesic_distance",
    "geodesic_length",
    "load_parameters",
    "parse_angle",
    "parse_degrees",
    "parse_position",
    "wgs84_to_gcj02",
    "zone_numbers",
    "zone_of",
    "zone_of_epsg",
]
