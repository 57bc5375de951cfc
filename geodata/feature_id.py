"""Feature ids: the same for the same thing in every version of its dataset.

The id is FNV-1a (64 bit) over dataset code, a zero byte and the natural key in UTF-8, mixed by
MurmurHash3's finaliser and cut to its upper 53 bits, so that JavaScript can hold it. Where keys of one
dataset meet in an id (a chance of about 1 in 400,000 for 210,000 rows), the first in order of bytes keeps
it and the others are hashed again with bytes of 1 appended until they are free. The definition must not
change: links hold these ids.
"""

import numpy as np
import pyarrow as pa

_OFFSET_BASIS = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)
_BITS = np.uint64(64 - 53)


def feature_ids(dataset_code: str, keys: pa.Array) -> np.ndarray:
    """Ids (int64, 0 ≤ id < 2**53) of a dataset's features by their keys; keys must be given and distinct."""
    values = keys.cast(pa.large_string())
    ids = _hash(dataset_code, values)
    ordered = np.sort(ids)
    shared = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if len(shared):
        _tell_apart(dataset_code, ids, values, shared)
    return ids


def _tell_apart(dataset_code: str, ids: np.ndarray, keys: pa.Array, shared: np.ndarray) -> None:
    taken = set(ids.tolist())
    kept: set[int] = set()
    rows = [(keys[int(row)].as_py(), int(row)) for row in np.flatnonzero(np.isin(ids, shared))]
    for key, row in sorted(rows, key=lambda pair: pair[0].encode()):
        candidate = int(ids[row])
        if candidate not in kept:
            kept.add(candidate)
            continue
        while candidate in taken:
            key += "\x01"
            candidate = int(_hash(dataset_code, pa.array([key], pa.large_string()))[0])
        taken.add(candidate)
        ids[row] = candidate


def _hash(dataset_code: str, keys: pa.Array) -> np.ndarray:
    state = np.full(len(keys), _OFFSET_BASIS)
    for byte in (*dataset_code.encode(), 0):
        state = (state ^ np.uint64(byte)) * _PRIME
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
    return (_mix(state) >> _BITS).astype(np.int64)


def _mix(state: np.ndarray) -> np.ndarray:
    state = (state ^ (state >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    state = (state ^ (state >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return state ^ (state >> np.uint64(33))
