"""``ioc bench load`` measures what it says it measures; how fast is for a quiet machine to tell."""

import json

import pytest

from ioc.bench.load import bench_load


def test_the_figure_stands_beside_its_reference(capsys: pytest.CaptureFixture[str]) -> None:
    bench_load(rows=4_200, as_json=True)
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["rows"] == 4_200
    assert figures["refused"] > 0
    assert figures["ratio"] == pytest.approx(figures["load_s"] / figures["to_postgis_s"], rel=0.05)
    assert set(figures["phases"]) == {"read", "normalise", "assign", "check", "load", "compare"}
