from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from geodata.coordinates import convert
from geodata.errors import UserError
from ioc.coords_commands import coords_app


def run(*arguments: str, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(coords_app, arguments, input=stdin)


def refusal(result: Result) -> str:
    assert result.exit_code == 1
    assert isinstance(result.exception, UserError)
    assert "\n" not in str(result.exception)
    return str(result.exception)


def test_one_position_as_plain_numbers() -> None:
    result = run("convert", "--from", "GCJ-02", "--to", "EPSG:4547", "114.3053942", "30.5931044")
    assert result.exit_code == 0, result.output
    x, y = map(float, result.stdout.split())
    expected = convert(114.3053942, 30.5931044, "GCJ-02", "EPSG:4547")
    assert (x, y) == pytest.approx(tuple(map(float, expected)), abs=0.0001, rel=0)
    assert result.stderr == ""


def test_degrees_are_written_to_a_billionth() -> None:
    result = run("convert", "528766.881", "3386169.315", "--from", "4547", "--to", "cgcs2000")
    x, y = result.stdout.strip().split(" ")
    assert len(x.partition(".")[2]) >= 9
    assert (float(x), float(y)) == pytest.approx((114.2999512, 30.5955177), abs=1e-8, rel=0)


def test_negative_numbers_and_angles_as_arguments() -> None:
    result = run("convert", "--from", "WGS84", "--to", "CGCS2000", "-93.5", "-12.25")
    assert result.stdout.split() == ["-93.5000000000", "-12.2500000000"]
    result = run("convert", "--from", "WGS84", "--to", "CGCS2000", "北纬30°30′", "东经114度18分")
    assert result.stdout.split() == ["114.3000000000", "30.5000000000"]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--from", "EPSG:2435", "--to", "CGCS2000", "528766", "3386169"], "Beijing 1954"),
        (["--from", "EPSG:4526", "--to", "CGCS2000", "528766", "3386169"], "metres without zone number"),
        (["--from", "EPSG:4547", "--to", "CGCS2000", "3386169", "528766"], "with y first"),
        (["--from", "EPSG:4547", "--to", "CGCS2000", "38528766", "3386169"], "looks like EPSG:4526"),
        (["--from", "WGS84", "--to", "Mars", "114", "30"], "'Mars' is unknown"),
        (["--from", "WGS84", "--to", "4547", "114", "x"], "'x' is not"),
        (["--from", "4547", "--to", "WGS84", "528766", "N30"], "'N30' is not a number"),
        (["--from", "WGS84", "--to", "4547", "114", "nan"], "'nan' is not"),
        (["--from", "WGS84", "--to", "4547", "E114", "E30"], "on the same axis"),
        (["--from", "WGS84", "--to", "4547", "114"], "two values"),
        (["--from", "WGS84", "--to", "4547", "--fast", "114", "30"], "no option --fast"),
        (["--from", "WGS84", "--to", "4547", "--parameters", "none.toml", "114", "30"], "none.toml"),
    ],
)
def test_bad_input_gets_one_sentence(arguments: list[str], fault: str) -> None:
    result = run("convert", *arguments)
    assert fault in refusal(result)
    assert result.stdout == ""


def test_a_csv_keeps_its_header_order_and_other_columns() -> None:
    result = run(
        "convert", "--from", "CGCS2000", "--to", "EPSG:4547", "-",
        stdin='\ufeff名称,纬度(°),经度(°)\n"甲,乙",30.5955177,114.2999512\n\n丙,30°35′43.86″,E114°18′\n',
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "名称,纬度(°),经度(°)"
    assert lines[1] == '"甲,乙",3386169.31545,528766.88145'
    assert lines[2] == ""
    assert lines[3].startswith("丙,3386169.")


def test_a_csv_without_header_uses_its_first_two_columns() -> None:
    result = run("convert", "--from", "4547", "--to", "4526", "-", stdin="528766.881,3386169.315,a\r\n")
    assert result.stdout == "38528766.88100,3386169.31500,a\n"


def test_names_in_gbk_pass_through_unchanged() -> None:
    given = "114.3,30.6,武昌\n".encode("gbk")
    result = run("convert", "--from", "WGS84", "--to", "CGCS2000", "-", stdin=given)
    assert result.stdout_bytes == "114.3000000000,30.6000000000,武昌\n".encode("gbk")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("x,30", "Line 3: 'x' is not an angle"),
        ("200,30", "Line 3: 200 30 cannot be converted"),
        ("114", "Line 3: there are only 1 columns"),
        ('114,"30', "not valid CSV"),
    ],
)
def test_a_bad_line_stops_after_the_whole_lines_before_it(line: str, fault: str) -> None:
    result = run(
        "convert", "--from", "WGS84", "--to", "CGCS2000", "-", stdin=f"lon,lat\n114,30\n{line}\n115,31\n"
    )
    assert fault in refusal(result)
    assert "115" not in result.stdout
    if "CSV" not in fault:
        assert result.stdout == "lon,lat\n114.0000000000,30.0000000000\n"


def test_a_bad_first_line_is_no_header() -> None:
    assert "Line 1" in refusal(run("convert", "--from", "WGS84", "--to", "4547", "-", stdin="E200,N30\n"))


def test_many_rows_stream_in_order() -> None:
    rows = 25_000
    stdin = "".join(f"{114 + row / 1e5:.5f},30.5,{row}\n" for row in range(rows))
    result = run("convert", "--from", "WGS84", "--to", "CGCS2000", "-", stdin=stdin)
    lines = result.stdout.splitlines()
    assert [line.rpartition(",")[2] for line in lines] == [str(row) for row in range(rows)]
    assert lines[-1] == "114.2499900000,30.5000000000,24999"


def test_an_empty_csv_is_empty() -> None:
    result = run("convert", "--from", "WGS84", "--to", "4547", "-", stdin="")
    assert (result.exit_code, result.stdout) == (0, "")


def test_stated_parameters(tmp_path: Path) -> None:
    file = tmp_path / "city.toml"
    file.write_text(
        '[local_frame]\nname = "city"\ncentral_meridian = 114\nfalse_easting = 800000\n'
        '[helmert]\nsource = "4214"\nconvention = "position_vector"\ntx = 0\nty = 0\ntz = 0\n',
        encoding="utf-8",
    )
    stated = ("--parameters", str(file), "528766", "3386169")
    result = run("convert", "--from", "4547", "--to", "city", *stated)
    x, y = map(float, result.stdout.split())
    assert (x, y) == pytest.approx((828766, 3386169), abs=1e-4, rel=0)
    assert run("convert", "--from", "2435", "--to", "local", *stated).exit_code == 0
    result = run("convert", "--from", "2435", "--to", "4547", "--explain", *stated)
    assert "seven stated parameters" in result.stderr


def test_zones_of_a_longitude() -> None:
    result = run("zone", "114°18′")
    assert "3-degree zone 38, central meridian 114° E: EPSG:4547" in result.stdout
    assert "EPSG:4526" in result.stdout
    assert "6-degree zone 20, central meridian 117° E: EPSG:4509" in result.stdout
    assert "outside China" in refusal(run("zone", "-20"))


def test_what_bare_numbers_can_be() -> None:
    assert run("detect", "38528766", "3386169").stdout.startswith("EPSG:4526: ")
    assert "latitude or northing first" in run("detect", "30.6", "114.3").stdout
    assert "fits no frame" in refusal(run("detect", "1", "2"))
