"""Job files: those that ship are sound and in order; a wrong one is named with its key."""

from pathlib import Path

import pytest

from etl.job_file import find_job, packaged_jobs
from geodata.errors import UserError
from tests.etl.deliveries import FACILITY, write_job

GOOD = FACILITY.format(path="a.csv", source='x = "x"\ny = "y"\ncrs = "GCJ-02"', checks="", options="")


def test_packaged_jobs_come_after_those_they_build_on() -> None:
    codes = [job.code for job in packaged_jobs()]
    for job in packaged_jobs():
        assert all(codes.index(earlier) < codes.index(job.code) for earlier in job.after)
    assert codes.index("district") < codes.index("unit_grid") < codes.index("component")
    assert codes.index("pipe_node") < codes.index("pipe_segment")


def test_every_packaged_job_is_labelled_as_demo_data() -> None:
    assert all(job.synthetic and "演示数据" in (job.source_note or "") for job in packaged_jobs())


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('title_zh = "设施"', "", "title_zh: Field required"),
        ('department = "centre"', 'department = "navy"', "department: “navy” is unknown"),
        ('target = "facility"', 'target = "facilities"', "no table “facilities”"),
        ('name = "名称"', 'nmae = "名称"', "fields.nmae: table facility has no such column"),
        ('code = "编号"', "", "fields.code is missing"),
        ('code = "编号"', "code = { constant = 1, row = true }", "give exactly one of source"),
        ('code = "编号"', 'code = { source = "a", extract = "(" }', "extract is no regular expression"),
        ('crs = "GCJ-02"', "", "coordinates in columns need crs"),
        ('y = "y"', "", "give both x and y"),
        ("[search]", '[[checks]]\nrule = "inside"\n[search]', "rule “inside” is unknown"),
        ("[search]", '[[checks]]\nrule = "unique"\n[search]', "missing a required argument: 'column'"),
        (
            "[search]",
            '[[checks]]\nrule = "given"\ncolumn = "a"\nmin = 1\n[search]',
            "unexpected keyword argument 'min'",
        ),
        (
            "[search]",
            '[[checks]]\nrule = "geometry"\nseverity = "warning"\n[search]',
            "optional = true accepts",
        ),
        (
            "[search]",
            '[[checks]]\nrule = "given"\ncolumn = "name"\nseverity = "warning"\n[search]',
            "rule “given” on name refuses rows",
        ),
        ("[source]", "[sauce]\n[source]", "sauce: Extra inputs are not permitted"),
        ("[source]", "[source", "is not valid TOML"),
    ],
)
def test_a_wrong_job_file_is_named_with_its_key(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in GOOD
    with pytest.raises(UserError) as refused:
        write_job(tmp_path, "bad", GOOD.replace(old, new, 1))
    assert str(tmp_path / "bad.toml") in str(refused.value)
    assert words in str(refused.value)


def test_a_job_is_found_by_name_or_by_path(tmp_path: Path) -> None:
    write_job(tmp_path, "own", GOOD)
    assert find_job("camera").target == "camera"
    assert find_job(str(tmp_path / "own.toml")).code == "own"
    with pytest.raises(UserError, match="There is no job “nothing”"):
        find_job("nothing")


def test_jobs_that_wait_for_one_another_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for code, after in (("one", "two"), ("two", "one")):
        (tmp_path / f"{code}.toml").write_text(GOOD.replace("[source]", f'after = ["{after}"]\n[source]', 1))
    monkeypatch.setattr("etl.job_file.PACKAGED", tmp_path)
    with pytest.raises(UserError, match="wait for one another"):
        packaged_jobs()
