"""Feature ids: the same for the same thing in every version of its dataset.

The id is FNV-1a (64 bit) over dataset code, a zero byte and the natural key in UTF-8, mixed by MurmurHash3's
finaliser and cut to its upper 53 bits, so that JavaScript can hold it. Two keys of one dataset that meet in an
id (a chance of about 1 in 400,000 for 210,000 rows) are told apart by hashing the later key again with a byte
appended, keys in order of their bytes. The definition must not change: links and cached tiles hold these ids.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_OFFSET_BASIS = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)
_BITS = np.uint64(64 - 53)


def feature_ids(dataset_code: str, keys: pa.Array) -> np.ndarray:
    """Ids (int64, 0 ≤ id < 2**53) of a dataset's features by their keys; keys must be given and distinct."""
    values = keys.cast(pa.large_string())
    ids = _hash(dataset_code, values)
    while True:
        order = np.argsort(ids, kind="stable")
        again = order[1:][ids[order][1:] == ids[order][:-1]]
        if not len(again):
            return ids
        groups = np.flatnonzero(np.isin(ids, ids[again]))
        by_key = pc.sort_indices(values.take(pa.array(groups))).to_numpy()
        groups = groups[by_key]
        first = np.unique(ids[groups], return_index=True)[1]
        later = np.delete(groups, first)
        marked = pc.binary_join_element_wise(values.take(pa.array(later)), "\x01", "")
        values = pc.replace_with_mask(values, _mask(len(values), later), marked.take(_ranks(later)))
        ids[later] = _hash(dataset_code, values.take(pa.array(later)))


def _mask(length: int, rows: np.ndarray) -> pa.Array:
    mask = np.zeros(length, dtype=bool)
    mask[rows] = True
    return pa.array(mask)


def _ranks(rows: np.ndarray) -> pa.Array:
    """Order in which replacements are consumed: by row number."""
    return pa.array(np.argsort(rows))


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
