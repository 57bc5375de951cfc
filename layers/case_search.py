"""Cases for the search box: by number, or by words of title and place; never by who reported them."""

import re
from typing import Any, LiteralString

from psycopg import sql

from geodata.code_table import CodeTable
from geodata.viewer_pool import Statement

CASE_LAYER = "case_file"
NUMBER = re.compile(r"\d{8,14}")
"""A number of a case, or its beginning from the whole day on."""
WORDS_DAYS = 30
"""Words find open cases and those of so many days; the list of cases finds the older ones."""
MOST_BY_WORDS = 4

FOUND: LiteralString = """
    SELECT c.id, c.code, c.title, c.state, s.name, ST_X(c.geom), ST_Y(c.geom), c.ended_at IS NULL
    FROM ({cases}) AS c LEFT JOIN ioc.street s ON s.code = left(c.area_code, 9)
    ORDER BY c.ended_at IS NULL DESC, c.reported_at DESC
"""
BY_NUMBER: LiteralString = """
    (SELECT * FROM ioc.case_file WHERE code ~>=~ %(low)s AND code ~<~ %(high)s
    ORDER BY code USING ~<~ LIMIT %(most)s)
    UNION ALL
    (SELECT * FROM ioc.case_file WHERE source_code = %(text)s LIMIT %(most)s)
"""
BY_WORDS: LiteralString = """
    SELECT f.* FROM ioc.case_file f
    LEFT JOIN ioc.street t ON t.code = left(f.area_code, 9)
    LEFT JOIN ioc.community m ON m.code = left(f.area_code, 12)
    WHERE (f.ended_at IS NULL OR f.reported_at > now() - %(days)s::int * interval '1 day')
        AND (f.title ILIKE ANY (%(words)s::text[]) OR f.address ILIKE ANY (%(words)s::text[]))
        AND concat_ws(' ', f.title, f.address, t.name, m.name) ILIKE ALL (%(words)s::text[])
        AND f.geom IS NOT NULL
    ORDER BY f.ended_at IS NULL DESC, f.reported_at DESC LIMIT %(most)s
"""


def cases_of(text: str, patterns: list[str], limit: int) -> Statement:
    """Cases that a text may mean; ``patterns`` are its words as LIKE takes them."""
    if NUMBER.fullmatch(text):
        numbers = {"text": text, "low": text, "high": text[:-1] + chr(ord(text[-1]) + 1), "most": limit}
        return sql.SQL(FOUND).format(cases=sql.SQL(BY_NUMBER)), numbers
    words = {"words": patterns, "days": WORDS_DAYS, "most": min(limit, MOST_BY_WORDS)}
    return sql.SQL(FOUND).format(cases=sql.SQL(BY_WORDS)), words


def case_result(row: tuple[Any, ...]) -> dict[str, Any]:
    """A row of ``cases_of`` as the search answers it; one without a place has neither lon nor lat."""
    case_id, code, title, state, street, lon, lat, is_open = row
    named = CodeTable.load("case_state").get(state)
    told = [[named.title(language)] if named else [] for language in ("zh", "en")]
    zh, en = (" · ".join([*words, code, *([street] if street else [])]) for words in told)
    return {
        "kind": "case",
        "layer": CASE_LAYER,
        "id": case_id,
        "title": title,
        "subtitle": zh,
        "subtitle_en": en,
        "lon": lon,
        "lat": lat,
        "open": is_open,
    }
