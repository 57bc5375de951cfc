"""Settings of the program, read once from the environment (``IOC_*``) or a file ``.env`` and handed down."""

from pathlib import Path
from typing import NamedTuple

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from geodata.errors import UserError

PREFIX = "IOC_"


class Settings(BaseSettings):
    """What an installation may choose; each field's description is what the README's table says."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    data_dir: Path = Field(
        Path(".ioc"),
        description="Folder of everything the program keeps: the embedded PostGIS, generated secrets.",
    )
    database_url: str | None = Field(
        None,
        description="PostgreSQL URL of the web server's role (no superuser, not the owner of the tables); "
        "empty: the embedded PostGIS.",
    )
    owner_database_url: str | None = Field(
        None,
        description="PostgreSQL URL of the role that owns the tables: migrations, loading, accounts; "
        "empty: the same as IOC_DATABASE_URL.",
    )
    inbox: Path | None = Field(
        None,
        description="Folder of departments' files, loaded as they arrive; `jobs/*.toml` in it are the "
        "district's own jobs; empty: the folder inbox of IOC_DATA_DIR.",
    )
    host: str = Field("127.0.0.1", description="Address the web server listens on.")
    port: int = Field(8060, ge=0, le=65535, description="Port the web server listens on; 0 takes a free one.")
    feeds_host: str = Field(
        "127.0.0.1", description="Address the doors for devices (HJ 212, SL 651, JT/T 808) listen on."
    )
    hj212_port: int = Field(
        9212, ge=0, le=65535, description="TCP port for devices that speak HJ 212; 0 takes a free one."
    )
    sl651_port: int = Field(
        9651, ge=0, le=65535, description="TCP port for stations that speak SL 651; 0 takes a free one."
    )
    jt808_port: int = Field(
        9808, ge=0, le=65535, description="TCP port for vehicles that speak JT/T 808; 0 takes a free one."
    )
    mqtt_url: str | None = Field(
        None,
        repr=False,
        description="Broker that devices publish to, such as mqtt://user:password@host:1883; empty: `ioc up` "
        "runs a Mosquitto of its own where that is installed.",
    )
    mqtt_mappings: Path | None = Field(
        None,
        description="Folder of mappings (*.toml) of the district's own MQTT devices, beside the packaged "
        "etl/feeds/mappings.",
    )
    district_code: str = Field(
        "420106", pattern=r"^\d{6}$", description="Area code of the district (GB/T 2260, 6 digits)."
    )
    district_projection: str = Field(
        "EPSG:4547",
        pattern=r"^EPSG:\d{4,5}$",
        description="Projected CGCS2000 frame of the district: lengths, areas, grid coordinates in metres.",
    )
    map_approval_number: str | None = Field(
        None, description="审图号 printed on the map; empty: the page says 内部使用，未经审图."
    )
    tianditu_key: str | None = Field(
        None,
        description="Key of Tianditu (天地图); with it Tianditu is offered as a base map, "
        "fetched by the server.",
    )
    basemap_dir: Path | None = Field(
        None,
        description="Folder of base map files (*.toml): the district's own XYZ, WMTS or WMS services.",
    )
    credentials: Path | None = Field(
        None,
        description="TOML file of how jobs sign in at departments' databases and services: "
        "a table per name with url, token, user, password.",
    )
    session_hours: float = Field(12, gt=0, description="Hours a sign-in lasts.")
    requests_per_second: float = Field(
        50,
        ge=0,
        description="Requests a second one viewer may make, ten times as many at once, tiles not counted; "
        "0: no limit.",
    )

    readings_kept_days: int = Field(
        400,
        ge=7,
        description="Days for which raw readings are kept (about 95 bytes each); older ones are refused.",
    )
    hours_kept_days: int = Field(
        1830, ge=30, description="Days for which hourly aggregates are kept; daily ones stay."
    )
    positions_kept_days: int = Field(
        90, ge=2, description="Days for which raw positions are kept; simplified tracks stay."
    )
    pictures_kept_days: int = Field(
        30, ge=1, description="Days for which pictures of stations are kept; the newest of each device stays."
    )

    alarm_sound_severity: int = Field(
        2,
        ge=0,
        le=4,
        description="The least severe alarms that sound on screens: 1 red, 2 orange, 3 yellow, 4 blue; "
        "0: none. Every new alarm flashes.",
    )

    embed_origins: str = Field(
        "",
        pattern=r"^(https?://[A-Za-z0-9.*-]+(:\d{1,5})?([ ,]+|$))*$",
        description="Origins whose pages may show this program in a frame, such as "
        "https://portal.example.gov.cn, comma separated; the sign-in holds there if both belong to one site; "
        "empty: its own pages only.",
    )

    metrics_token: str | None = Field(
        None,
        repr=False,
        min_length=16,
        description="Token with which Prometheus reads /metrics (at least 16 characters); "
        "empty: administrators only.",
    )

    oidc_issuer: str | None = Field(
        None, description="Issuer URL of the single sign-on (OpenID Connect); empty: accounts of IOC only."
    )
    oidc_client_id: str = Field("ioc", description="What the single sign-on calls this program.")
    oidc_client_secret: str = Field("", repr=False, description="Its secret at the single sign-on.")
    oidc_claims: Path | None = Field(
        None,
        description="TOML file of what the claims of the single sign-on mean here; "
        "empty: ioc/oidc_claims.toml.",
    )

    @property
    def owner_url(self) -> str | None:
        """URL for migrations and loading on a server of one's own, or None with the embedded PostGIS."""
        return self.owner_database_url or self.database_url

    @property
    def loads_here(self) -> bool:
        """Whether this process may load: a server that only knows the web's role leaves it to a worker."""
        return self.database_url is None or self.owner_database_url is not None

    @property
    def inbox_folder(self) -> Path:
        """Where departments' files arrive."""
        return (self.inbox or self.data_dir / "inbox").expanduser().absolute()

    @property
    def kept_in(self) -> Path:
        """The absolute folder of everything the program keeps."""
        return self.data_dir.expanduser().absolute()

    @property
    def feeds_file(self) -> Path:
        """Where the addresses of the doors for devices are written."""
        return self.kept_in / "feeds.json"

    @property
    def postgis_folder(self) -> Path:
        """Where the embedded PostGIS lives."""
        return self.kept_in / "postgis"


class SettingRow(NamedTuple):
    """One line of the README's table of settings."""

    name: str
    default: str
    description: str


def setting_rows() -> list[SettingRow]:
    """Every setting as (variable, default, description), in the order of the class."""
    return [
        SettingRow(
            f"{PREFIX}{name.upper()}",
            "" if field.default is None else str(field.default),
            field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]


def read_settings() -> Settings:
    """Read the environment.

    Raises:
        UserError: a variable holds a value that the setting does not take.
    """
    try:
        return Settings()  # pyright: ignore[reportCallIssue]  # every field has a default
    except ValidationError as error:
        fault = error.errors()[0]
        name = f"{PREFIX}{str(fault['loc'][0]).upper()}" if fault["loc"] else PREFIX
        raise UserError(
            f"The setting {name} is {fault['input']!r}, which does not fit ({fault['msg']}): "
            "correct it in the environment or in .env."
        ) from error
