"""What a wrong value was probably meant to be."""

import bisect
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

LIKE = 0.6
_ROUND_AND_STRAIGHT = str.maketrans("OQIl", "0011")
_MIXED_UP = str.maketrans("OQIlZSB", "0011258")


def closest_word(value: str, known: Mapping[str, str]) -> str | None:
    """The word of a short list that comes nearest; ``known`` maps each to its other name."""
    for word, other in known.items():
        if value == other or value.upper() == word:
            return word
    found = get_close_matches(value, [*known, *known.values()], n=1, cutoff=LIKE)
    if not found:
        return None
    return found[0] if found[0] in known else next(w for w, other in known.items() if other == found[0])


def closest_code(value: str, known: Sequence[str]) -> str | None:
    """The code of a long sorted list that comes nearest: a slip of the hand, or the next in order."""
    for slip in _slips(value):
        at = bisect.bisect_left(known, slip)
        if at < len(known) and known[at] == slip:
            return slip
    at = bisect.bisect_left(known, value)
    near = [code for code in known[max(0, at - 1) : at + 1] if _shared(code, value) >= len(value) - 2 >= 2]
    return max(near, key=lambda code: _shared(code, value), default=None)


def _slips(value: str) -> Iterable[str]:
    yield value.upper()
    yield value.replace(" ", "").replace("-", "")
    yield value[:-1]
    yield value[1:]
    yield value.translate(_ROUND_AND_STRAIGHT)
    yield value.translate(_MIXED_UP)
    number = re.search(r"(\d+)$", value)
    if number:
        for width in range(len(number[1]) + 1, len(number[1]) + 4):
            yield value[: number.start()] + number[1].zfill(width)


def _shared(one: str, other: str) -> int:
    return next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def number_in(text: str) -> str | None:
    """The only number in a text, such as 30 in “约30米”."""
    found = re.findall(r"-?\d+(?:\.\d+)?", text)
    return found[0] if len(found) == 1 else None
