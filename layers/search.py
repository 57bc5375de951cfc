"""The search box: codes, names, pinyin and initials, cases, coordinates in any form understood."""

import re
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import sql

from geodata.coordinates.measure import geodesic_distance
from geodata.coordinates.position_text import parse_position
from geodata.store import Store
from geodata.value_word import in_language
from geodata.viewer import Viewer
from geodata.viewer_pool import Statement
from layers.case_search import CASE_LAYER, case_result, cases_of
from layers.catalogue import Catalogue
from layers.layer import Layer
from layers.tile_sql import row_filter, row_parameters

LONGEST = 160
MOST_WORDS = 4
TWIN_METRES = 200
"""How far apart two layers may show one thing: the middle of a park, and its gate."""
CODE = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{2,39}")
PINYIN = re.compile(r"(?=.*[a-z])[a-z0-9' ]+")
AREA_RANK = {"district": 0, "street": 1, "community": 2, "duty_grid": 3, "unit_grid": 4}

ENTRIES: LiteralString = """
    SELECT dataset_id, id, title, subtitle, ST_X(geom), ST_Y(geom),
        CASE
            WHEN title = %(text)s OR code = %(text)s THEN 0
            WHEN title LIKE %(prefix)s THEN 1
            WHEN initials LIKE %(latin_prefix)s OR pinyin LIKE %(latin_prefix)s THEN 2
            ELSE 3
        END AS rank
    FROM ioc.search_entry
    WHERE geom IS NOT NULL AND dataset_id = ANY (%(datasets)s::int[]) AND {match}
    ORDER BY rank, length(title), title, id LIMIT %(most)s
"""

# Where row-level security leaves the trigram indexes unused.
BY_FUNCTION: LiteralString = """
    ctid = ANY (ioc.places_of_names(
        %(words)s::text[], %(any_case)s::bool, %(latin)s::text, %(initials)s::text
    ))
"""


@dataclass(frozen=True)
class _Hit:
    rank: tuple[int, ...]
    result: dict[str, Any]


async def search(
    store: Store,
    catalogue: Catalogue,
    viewer: Viewer,
    text: str,
    limit: int,
    district_frame: str = "EPSG:4547",
) -> list[dict[str, Any]]:
    """What the text may mean to this viewer, most likely first; nothing for an empty text.

    ``district_frame`` is the zone that metres without a zone number are taken to be in.
    """
    text = " ".join(text.replace("\x00", " ").split())[:LONGEST]
    if not text:
        return []
    position = parse_position(text, district_frame)
    hits = (
        []
        if position is None
        else [_coordinate(position.lon, position.lat, position.read_as_zh, position.read_as_en)]
    )
    coded = _coded_layers(catalogue, viewer, text)
    statements = [_names(catalogue, viewer, text, limit)]
    statements += [_codes(layer, dataset_ids, text, limit) for layer, dataset_ids in coded]
    if catalogue.visible_datasets(catalogue.by_id[CASE_LAYER], viewer):
        statements.append(cases_of(text, _patterns(text), limit))
    names, *rest = await store.read(viewer, statements)
    codes, cases = rest[: len(coded)], rest[len(coded) :]
    for row in names:
        hits += _named(catalogue, row)
    for (layer, _), rows in zip(coded, codes, strict=True):
        hits += [_by_code(layer, row, text) for row in rows]
    hits = _without_twins(hits, catalogue)
    hits += [_Hit(_case_rank(row, text), case_result(row)) for rows in cases for row in rows]
    return _ranked(hits, limit)


def _case_rank(row: tuple[Any, ...], text: str) -> tuple[int, ...]:
    """A number that was typed whole comes first, what words found last, in its own order."""
    return (1, 0) if row[1] == text else (1, 1) if row[1].startswith(text) else (1, 9)


def _patterns(text: str) -> list[str]:
    return [f"%{like_literal(word)}%" for word in text.split(" ")[:MOST_WORDS]]


def like_literal(text: str) -> str:
    """Text in which LIKE finds no wildcard."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _names(catalogue: Catalogue, viewer: Viewer, text: str, limit: int) -> Statement:
    datasets = sorted({d.id for layer in catalogue for d in catalogue.visible_datasets(layer, viewer)})
    parameters: dict[str, Any] = {
        "text": text,
        "prefix": like_literal(text) + "%",
        "latin_prefix": like_literal(text.lower().replace(" ", "").replace("'", "")) + "%",
        "datasets": datasets,
        "most": 2 * limit,
    }
    words = _patterns(text)
    parameters |= {f"word{number}": word for number, word in enumerate(words)}
    operator = sql.SQL("ILIKE" if re.search("[A-Za-z]", text) else "LIKE")
    every_word = sql.SQL(" AND ").join(
        sql.SQL("title {} {}").format(operator, sql.Placeholder(f"word{number}"))
        for number in range(len(words))
    )
    match: sql.Composable = sql.SQL("({})").format(every_word)
    parameters |= {"latin": None, "initials": None}
    if PINYIN.fullmatch(text.lower()):
        parameters |= {"latin": f"%{parameters['latin_prefix']}", "initials": parameters["latin_prefix"]}
        match = sql.SQL("({} OR pinyin LIKE %(latin)s OR initials LIKE %(initials)s)").format(every_word)
    if not catalogue.snapshot.policies_use_indexes:
        parameters |= {"words": words}
        parameters |= {"any_case": operator.as_string() == "ILIKE"}
        match = sql.SQL("{} AND {}").format(sql.SQL(BY_FUNCTION), match)
    return sql.SQL(ENTRIES).format(match=match), parameters


def _coded_layers(catalogue: Catalogue, viewer: Viewer, text: str) -> list[tuple[Layer, list[int]]]:
    if not CODE.fullmatch(text) or not any(character.isdigit() for character in text):
        return []
    return [(layer, ids) for layer, ids in catalogue.visible_layers(viewer) if layer.search_by_code]


def _codes(layer: Layer, dataset_ids: list[int], text: str, limit: int) -> Statement:
    """Rows whose code begins with the text, by a range of the code index rather than by a pattern."""
    statement = sql.SQL(
        """
        SELECT id, code, {title}, ST_X(ST_PointOnSurface(geom)), ST_Y(ST_PointOnSurface(geom)), {box}
        FROM (
            SELECT * FROM ioc.{table}
            WHERE {filter} AND code ~>=~ %(low)s AND code ~<~ %(high)s AND geom IS NOT NULL
            ORDER BY code USING ~<~ LIMIT %(most)s
        ) AS coded
        """
    ).format(
        title=sql.Identifier(layer.title_field),
        box=_BOX if layer.search_kind == "area" else sql.SQL("NULL::float8[]"),
        table=sql.Identifier(layer.table),
        filter=row_filter(layer),
    )
    high = text[:-1] + chr(ord(text[-1]) + 1)
    parameters = {"low": text, "high": high, "most": limit, **row_parameters(layer, dataset_ids)}
    return statement, parameters


_BOX = sql.SQL("ARRAY[ST_XMin(geom), ST_YMin(geom), ST_XMax(geom), ST_YMax(geom)]")


def _coordinate(lon: float, lat: float, read_as_zh: str, read_as_en: str) -> _Hit:
    return _Hit(
        (0,),
        {
            "kind": "coordinate",
            "layer": None,
            "id": None,
            "title": f"{lon:.6f}, {lat:.6f}",
            "subtitle": read_as_zh,
            "subtitle_en": read_as_en,
            "lon": lon,
            "lat": lat,
        },
    )


def _named(catalogue: Catalogue, row: tuple[Any, ...]) -> list[_Hit]:
    dataset_id, feature_id, title, subtitle, lon, lat, rank = row
    layer = catalogue.layer_of_dataset(dataset_id)
    if layer is None:
        return []
    order = AREA_RANK.get(layer.table, 9)
    return [_Hit((1, rank, order, len(title)), _result(layer, feature_id, title, subtitle, (lon, lat)))]


def _by_code(layer: Layer, row: tuple[Any, ...], text: str) -> _Hit:
    feature_id, code, title, lon, lat, box = row
    result = _result(layer, feature_id, str(title or code), code, (lon, lat))
    if box is not None:
        result["bbox"] = box
    rank = 0 if code == text else 1
    return _Hit((1, rank, AREA_RANK.get(layer.table, 9), len(code)), result)


def _result(
    layer: Layer, feature_id: int, title: str, subtitle: str | None, place: tuple[float, float]
) -> dict[str, Any]:
    return {
        "kind": layer.search_kind,
        "layer": layer.id,
        "id": feature_id,
        "title": title,
        "subtitle": subtitle or layer.title.zh,
        "subtitle_en": in_language(subtitle, "en") if subtitle else layer.title.en,
        "lon": place[0],
        "lat": place[1],
    }


def _without_twins(hits: list[_Hit], catalogue: Catalogue) -> list[_Hit]:
    """One hit for what several layers show at one spot under one title: the layer that tells most of it."""

    def told(hit: _Hit) -> int:
        layer = catalogue.by_id.get(hit.result["layer"] or "")
        return len(layer.fields) if layer else 0

    kept: dict[str, list[_Hit]] = {}
    for hit in sorted(hits, key=lambda hit: (-told(hit), hit.rank)):
        alike = kept.setdefault(hit.result["title"], [])
        if not any(_is_twin(hit.result, other.result) for other in alike):
            alike.append(hit)
    return [hit for alike in kept.values() for hit in alike]


def _is_twin(one: dict[str, Any], other: dict[str, Any]) -> bool:
    if one["layer"] == other["layer"] or one["kind"] == "coordinate":
        return False
    places = (one["lon"], one["lat"], other["lon"], other["lat"])
    return float(geodesic_distance(*places)) < TWIN_METRES


def _ranked(hits: list[_Hit], limit: int) -> list[dict[str, Any]]:
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for hit in sorted(hits, key=lambda hit: hit.rank):
        key = (hit.result["layer"], hit.result["id"])
        if key not in found:
            found[key] = hit.result
        elif "bbox" in hit.result:
            found[key]["bbox"] = hit.result["bbox"]
    return list(found.values())[:limit]
