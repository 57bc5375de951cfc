"""Which table a layer is meant for: how much of it the table explains, telling codes, words of its name."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from etl.inspect.content import Content
from etl.inspect.fields import FieldMatch, match_fields

TARGETS = Path(__file__).with_name("targets.toml")
OWN_LAYER = "departmental_feature"
NOT_IN_STORE = frozenset({"case"})
"""Targets named in the finding whose rows load as a departmental layer."""
_OWN_LAYER_SCORE = 0.42
"""A table must explain more than this, or the file becomes a layer of its own."""
_COMMON_COLUMNS = frozenset(
    {"code", "name", "note", "state", "address", "owner", "category", "feature_class"}
)


@dataclass
class TargetFinding:
    """The likeliest target with its score (0–1), the next best, and the fields matched to it.

    ``kind`` is the kind of base feature, where the target is ``base_feature``.
    """

    target: str
    score: float
    runner_up: str | None
    runner_up_score: float
    fields: list[FieldMatch]
    kind: str | None = None


def find_target(
    contents: dict[str, Content], geometry: str, words: str, cut: bool = False, wanted: str | None = None
) -> TargetFinding:
    """The table for a layer.

    Args:
        contents: the layer's fields without those that hold its coordinates.
        geometry: point, line, polygon or none.
        words: names of file and layer, titles above the table.
        cut: whether field names may end after ten bytes.
        wanted: take this target, as the steward says.
    """
    scored = []
    for target, traits in targets().items():
        matches = match_fields(target, contents, cut)
        scored.append((_score(target, traits, matches, geometry, words), target, matches))
    scored.sort(key=lambda one: -one[0])
    chosen = next((one for one in scored if one[1] == wanted), scored[0])
    others = [one for one in scored if one[1] != chosen[1]]
    kind = _kind(words, geometry) if chosen[1] == "base_feature" else None
    return TargetFinding(
        chosen[1], round(chosen[0], 3), others[0][1], round(others[0][0], 3), chosen[2], kind
    )


def _score(
    target: str, traits: dict[str, Any], matches: list[FieldMatch], geometry: str, words: str
) -> float:
    if target == OWN_LAYER:
        return _OWN_LAYER_SCORE
    by_column = {match.target: match for match in matches if match.target}
    own = [match for match in matches if match.content.null_share < 1]
    explained = sum(match.score for match in own if match.target) / max(len(own), 1)
    telling = [by_column[column].score for column in traits["telling"] if column in by_column]
    named = re.search(traits["words"], words, re.IGNORECASE) is not None
    key = traits.get("key")
    keyed = key is not None and "code" in by_column and key in by_column["code"].content.kinds
    if key and not keyed:
        explained *= 0.6
    score = 0.3 * explained + 0.3 * min(sum(telling) / 3, 1.0) + 0.2 * named + 0.35 * keyed
    score += 0.2 * _values_tell(traits, by_column)
    if target == "facility" and "name" not in by_column:
        score *= 0.4
    if target == "base_feature" and (_kind(words, geometry) is None or not named):
        score *= 0.3
    if not telling and not keyed and not (named and set(by_column) & {"code", "name"}):
        score *= 0.7
    return min(score, 1.0) if geometry in traits["geometry"] else score * 0.2


def _values_tell(traits: dict[str, Any], by_column: dict[str, FieldMatch]) -> float:
    """Share of example names that end as such things' names do."""
    if "values" not in traits or "name" not in by_column:
        return 0.0
    examples = by_column["name"].content.examples
    found = [re.search(traits["values"], example) is not None for example in examples]
    return sum(found) / len(found) if found else 0.0


def _kind(words: str, geometry: str) -> str | None:
    for kind, pattern in _kinds().items():
        line = geometry == "line"
        if re.search(pattern, words, re.IGNORECASE) and (line == (kind == "road") or kind == "water"):
            return kind
    return None


@cache
def targets() -> dict[str, dict[str, Any]]:
    """What is known of each target, by its table, in the packaged order."""
    with TARGETS.open("rb") as file:
        return {name: traits for name, traits in tomllib.load(file).items() if name != "kinds"}


@cache
def _kinds() -> dict[str, str]:
    with TARGETS.open("rb") as file:
        return tomllib.load(file)["kinds"]
