"""Layers of what happens now, a file each in ``layers/live/layers``, drawn from the items of a topic."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from geodata.errors import UserError
from styles import legend_of, style_of

FOLDER = Path(__file__).with_name("layers")


class LiveLayerFileError(UserError):
    """A live layer's file does not say what it must."""


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Names(_Declared):
    """What people call it."""

    zh: str
    en: str


class Rank(_Declared):
    """Where several items are of one feature: which of them it shows, the first of ``order`` it has."""

    field: str
    order: list[str]


class Level(_Declared):
    """A class of urgency: the item's value is at or above a field of it, or below; or a field is a text.

    Of those that hold the first one counts, which is the most urgent.
    """

    name: str
    above: str | None = None
    below: str | None = None
    field: str | None = None
    equals: str | None = None


class Bit(_Declared):
    """What a bit of a status word says where it is set, and where it is clear."""

    number: int = Field(ge=0, le=31)
    set: Names | None = None
    clear: Names | None = None


class CardField(_Declared):
    """A line of the card.

    ``values`` are names of codes, as ``{code: {zh, en}}``; ``bits`` those of a word of 8 hexadecimal digits.
    """

    name: str
    zh: str
    en: str
    unit: str | None = None
    kind: str | None = Field(None, pattern="^(time|number)$")
    values: dict[str, Names] = {}
    bits: list[Bit] = []


class Card(_Declared):
    """What a click shows: the record in ``layer`` with the id in its field ``id``, or fields of it."""

    title: list[str]
    layer: str | None = None
    id: str | None = None
    fields: list[CardField] = []


class LiveLayer(_Declared):
    """A layer. ``key`` names the fields, the first that is filled, by which items are of one feature.

    ``leaves``: values of fields with which a feature goes. ``glide``: it moves from fix to fix. ``pulse``: a
    new one is pointed out once. ``cluster_below``: the tile zoom from which on each feature is drawn.
    """

    id: str = Field(pattern=r"^live_[a-z_]+$")
    title: Names
    topic: str
    key: list[str]
    order: int
    visible_by_default: bool = True
    cluster_below: int = 13
    glide: bool = False
    pulse: bool = False
    leaves: dict[str, list[str]] = {}
    rank: Rank | None = None
    levels: list[Level] = []
    stale_after_intervals: int | None = None
    card: Card

    def listed(self, theme: str) -> dict[str, Any]:
        """The layer as the browser gets it, styled for a theme."""
        style = style_of(self.id, theme)
        own = self.model_dump(exclude={"title"})
        title = {"title_zh": self.title.zh, "title_en": self.title.en}
        return {**own, **title, "style": style, "legend": legend_of(style)}


@cache
def live_layers() -> tuple[LiveLayer, ...]:
    """Every live layer, in the order of the layer panel.

    Raises:
        LiveLayerFileError: a file is no TOML, or a key is missing, unknown or does not fit.
    """
    return tuple(sorted(map(_read, FOLDER.glob("*.toml")), key=lambda layer: layer.order))


def _read(path: Path) -> LiveLayer:
    try:
        return LiveLayer.model_validate(tomllib.loads(path.read_text("utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise LiveLayerFileError(f"{path} is not a TOML file in UTF-8: {error}.") from error
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(str(part) for part in fault["loc"])
        raise LiveLayerFileError(f"{path}: the key “{key}” does not fit: {fault['msg']}.") from error
