"""The part ``[source]`` of a job: where its rows come from and how they are written there."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

WEB_SERVICES = frozenset({"wfs", "arcgis", "ogc_api"})
DATABASES = frozenset({"postgresql", "mysql"})


class SourceOptions(BaseModel):
    """The source as it is handed in; a path is relative to the hand-over folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = ""
    format: str | None = None
    """Name of a format; default: by the file's ending."""
    url: str | None = None
    """Address of a web service (formats ``wfs``, ``arcgis``, ``ogc_api``)."""
    credential: str | None = None
    """Name of the entry in the file of IOC_CREDENTIALS with which the service or database is asked."""
    page_size: int | None = Field(default=None, ge=1)
    table: str | None = None
    """Table or view of a database (formats ``postgresql``, ``mysql``), with its schema."""
    key: str | None = None
    """Column of a database that grows with every change: a time or a number; only what is new is read."""
    overlap: float = Field(default=0, ge=0)
    """Read again what lies so far before the end of the last reading: seconds of a time, or numbers."""
    layer: str | None = None
    sheet: str | None = None
    header_row: int | None = Field(default=None, ge=1)
    """Default: the first row that looks like a header."""
    header_contains: tuple[str, ...] = ()
    """Column names by which the header row is found, where titles stand above it."""
    encoding: str | None = None
    delimiter: str | None = None
    """Default: the one of comma, semicolon, tab and bar that the header shows."""
    labels: str | None = None
    """DXF: the drawing's layer whose texts are joined to what they stand at; default: all texts."""
    label_distance: float | None = Field(default=None, gt=0)
    """DXF: texts at most this far from a geometry (drawing units), or inside it, become its ``label``."""
    closed_lines_as_areas: bool = False
    """DXF: closed polylines are polygons."""
    where: dict[str, Literal[True] | tuple[str, ...]] = {}
    """Only rows whose columns hold one of these values (``true``: any); the others are not asked for."""
    x: str | None = None
    y: str | None = None
    xy: str | None = None
    """Column with both coordinates, such as ``114.3,30.5``; easting first unless letters say otherwise."""
    wkt: str | None = None
    """Column with geometries as WKT, EWKT or WKB in hexadecimal digits."""
    swapped: bool = False
    """Latitude or northing comes first, in geometries or in the column ``xy``."""
    packed: Literal["DDDMMSS", "D.MMSS"] | None = None
    """Degrees, minutes and seconds written as one number, such as 1141800.5 or 114.18005."""
    crs: str | None = None
    """Frame of the coordinates; needed with columns, and overrides what a file says of itself."""
    parameters: str | None = None
    """File with the parameters of a local frame or an old datum, relative to the job file."""

    @property
    def is_remote(self) -> bool:
        """Whether the rows come from a database or a web service."""
        return self.format in WEB_SERVICES | DATABASES

    @property
    def layer_name(self) -> str | None:
        """Layer or sheet the job reads."""
        return self.sheet or self.layer

    @model_validator(mode="after")
    def _place(self) -> Self:
        if self.format in WEB_SERVICES and not (self.url or "").startswith(("http://", "https://")):
            raise ValueError(f"format {self.format} needs url, an address that begins with http")
        if self.format in DATABASES and not (self.table and self.credential):
            raise ValueError(f"format {self.format} needs table and credential")
        if not self.is_remote and not self.path:
            raise ValueError("path is missing: name the file")
        return self

    @model_validator(mode="after")
    def _coordinates(self) -> Self:
        if (self.x is None) != (self.y is None):
            raise ValueError("give both x and y or none of them")
        if sum(map(bool, (self.x, self.xy, self.wkt))) > 1:
            raise ValueError("give x and y, or xy, or wkt: one of them")
        if (self.x or self.xy) and not (self.crs or self.parameters):
            raise ValueError("coordinates in columns need crs, such as GCJ-02 or EPSG:4547")
        return self
