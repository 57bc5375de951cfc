"""Feature ids: fixed for ever, distinct within a dataset, small enough for JavaScript."""

import numpy as np
import pyarrow as pa
import pytest

from geodata import feature_id
from geodata.feature_id import feature_ids, told_apart


def reference(dataset: str, key: str) -> int:
    """The documented definition, one key at a time."""
    state = 0xCBF29CE484222325
    for byte in dataset.encode() + b"\0" + key.encode():
        state = (state ^ byte) * 0x100000001B3 % 2**64
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        state = (state ^ state >> 33) * factor % 2**64
    return (state ^ state >> 33) >> 11


def test_ids_follow_their_definition() -> None:
    keys = ["", "42010601001000001", "武昌", "x" * 200, "a"]
    assert feature_ids("component", pa.array(keys)).tolist() == [reference("component", key) for key in keys]


def test_a_slice_gives_the_same_ids() -> None:
    keys = pa.array(["一", "二", "三"])
    assert feature_ids("d", keys.slice(1)).tolist() == feature_ids("d", keys).tolist()[1:]


def test_ids_differ_between_keys_and_datasets_and_fit_javascript() -> None:
    keys = pa.array([str(number) for number in range(100_000)])
    ids = np.concatenate([feature_ids("a", keys), feature_ids("b", keys)])
    assert len(np.unique(ids)) == 200_000
    assert ids.min() >= 0
    assert ids.max() < 2**53


def test_keys_that_meet_are_told_apart_whatever_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = feature_id._hash
    monkeypatch.setattr(feature_id, "_hash", lambda code, keys: whole(code, keys) % 50)
    keys = [f"k{number}" for number in range(30)]
    first = feature_ids("d", pa.array(keys)).tolist()
    assert len(set(first)) < len(keys)
    pairs = list(zip(first, keys, strict=True))
    shared = [pair for pair in pairs if first.count(pair[0]) > 1]
    changed = told_apart("d", shared, set(first).__contains__)
    assert changed == told_apart("d", shared[::-1], set(first).__contains__)
    assert len({changed.get(key, number) for number, key in pairs}) == len(keys)
    assert min(key for number, key in shared if number == shared[0][0]) not in changed
