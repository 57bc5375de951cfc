"""Feature ids: the same for the same thing in every version of its dataset.

The id is FNV-1a (64 bit) over dataset code, a zero byte and the natural key in UTF-8, mixed by
MurmurHash3's finaliser and cut to its upper 53 bits, so that JavaScript can hold it. Where keys of one
dataset meet in an id (a chance of about 1 in 400,000 for 210,000 rows), the first in order of bytes keeps
it and the others are hashed again with bytes of 1 appended until they are free. The definition must not
change: links hold these ids.
"""

from collections.abc import Callable, Collection, Iterable

import numpy as np
import pyarrow as pa

_OFFSET_BASIS = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)
_BITS = np.uint64(64 - 53)


def feature_ids(dataset_code: str, keys: pa.Array) -> np.ndarray:
    """Ids (int64, 0 ≤ id < 2**53) of a dataset's features by their keys, before any are told apart."""
    return _hash(dataset_code, keys.cast(pa.large_string()))


def told_apart(
    dataset_code: str,
    shared: Iterable[tuple[int, str]],
    taken: Callable[[int], bool],
    held: Collection[int] = (),
) -> dict[str, int]:
    """New ids of those keys that meet others in an id.

    Args:
        shared: every id that several keys have, with each of these keys.
        taken: whether some feature of the dataset has an id, as first hashed.
        held: ids that others keep whatever their keys are.
    """
    kept = set(held)
    changed: dict[str, int] = {}
    for candidate, key in sorted(shared, key=lambda pair: pair[1].encode()):
        if candidate not in kept:
            kept.add(candidate)
            continue
        longer = key
        while taken(candidate) or candidate in kept:
            longer += "\x01"
            candidate = int(_hash(dataset_code, pa.array([longer], pa.large_string()))[0])
        kept.add(candidate)
        changed[key] = candidate
    return changed


def text_hashes(values: pa.Array) -> np.ndarray:
    """64-bit hashes (uint64) of texts, none of them null: the ids' own, before they are cut."""
    return _mixed_hash(b"", values.cast(pa.large_string()))


def _hash(dataset_code: str, keys: pa.Array) -> np.ndarray:
    return (_mixed_hash(dataset_code.encode() + b"\0", keys) >> _BITS).astype(np.int64)


def _mixed_hash(prefix: bytes, keys: pa.Array) -> np.ndarray:
    state = np.full(len(keys), _OFFSET_BASIS)
    for byte in prefix:
        state = (state ^ byte) * _PRIME
    data = np.frombuffer(keys.buffers()[2] or b"", dtype=np.uint8)
    offsets = np.frombuffer(keys.buffers()[1], dtype=np.int64)[keys.offset : keys.offset + len(keys) + 1]
    starts, lengths = offsets[:-1], np.diff(offsets)
    for position in range(int(lengths.max(initial=0))):
        inside = lengths > position
        if inside.all():
            state = (state ^ data[starts + position]) * _PRIME
        else:
            rows = np.flatnonzero(inside)
            state[rows] = (state[rows] ^ data[starts[rows] + position]) * _PRIME
    return _mix(state)


def _mix(state: np.ndarray) -> np.ndarray:
    state = (state ^ (state >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    state = (state ^ (state >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return state ^ (state >> np.uint64(33))
