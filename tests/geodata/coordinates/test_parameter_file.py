from pathlib import Path

import pytest

from geodata.coordinates import HelmertShift, PlaneShift, convert, load_parameters
from geodata.errors import UserError

LOCAL = """
[local_frame]
name = "城市2000"
central_meridian = "114°20′"
false_easting = 800000
[local_frame.similarity]
north_shift = -3000000.0
rotation = 12.5
"""
HELMERT = """
[helmert]
source = "EPSG:4214"
convention = "position_vector"
tx = 15.8
ty = -154.4
tz = -82.3
reference = "issued for tests"
"""
PLANE = """
[plane]
source = "EPSG:2435"
target = "local"
east_shift = 10.0
north_shift = -20.0
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "parameters.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_local_frame(tmp_path: Path) -> None:
    stated = load_parameters(written(tmp_path, LOCAL))
    frame = stated.frame("城市2000")
    assert stated.frame(" LOCAL ") == frame
    assert frame.local is not None
    assert frame.local.central_meridian == pytest.approx(114 + 1 / 3)
    x, y = convert(114 + 1 / 3, 30.0, "CGCS2000", frame)
    back = convert(x, y, frame, "CGCS2000")
    assert tuple(map(float, back)) == pytest.approx((114 + 1 / 3, 30.0), abs=1e-10)
    assert stated.frame("EPSG:4547").name == "EPSG:4547"


def test_datum_parameters(tmp_path: Path) -> None:
    helmert = load_parameters(written(tmp_path, HELMERT)).datum
    assert isinstance(helmert, HelmertShift)
    assert (helmert.tx, helmert.rz, helmert.reference) == (15.8, 0.0, "issued for tests")
    both = load_parameters(written(tmp_path, LOCAL + PLANE))
    assert isinstance(both.datum, PlaneShift)
    x, y = convert(528766.0, 3386169.0, "EPSG:2435", both.frame("local"), both.datum)
    assert (float(x), float(y)) == pytest.approx((528776.0, 3386149.0), abs=1e-6, rel=0)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "states nothing"),
        ("a = [", "not valid TOML"),
        ("[helmerd]", "unknown entry 'helmerd'"),
        ("helmert = 3", "must be a table"),
        (HELMERT.replace('convention = "position_vector"\n', ""), "lacks convention"),
        (HELMERT.replace("position_vector", "either"), "coordinate_frame"),
        (HELMERT.replace("15.8", '"15.8"'), "not a number"),
        (HELMERT.replace("15.8", "nan"), "finite"),
        (HELMERT.replace("4214", "4490"), "already"),
        (HELMERT + PLANE, "both"),
        (PLANE, "'local' is unknown"),
        (LOCAL.replace('central_meridian = "114°20′"', ""), "lacks central_meridian"),
        (LOCAL.replace("114°20′", "214°20′"), "out of range"),
        (LOCAL.replace("rotation", "rotatoin"), "rotatoin"),
        (LOCAL.replace("800000", "inf"), "finite"),
        (LOCAL.replace("rotation = 12.5", "scale_ppm = 1000000"), "parts per million"),
    ],
)
def test_faults_are_named_with_the_file(tmp_path: Path, text: str, fault: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UserError, match=fault) as refusal:
        load_parameters(path)
    assert str(path) in str(refusal.value)


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        load_parameters(tmp_path / "none.toml")
    path = tmp_path / "gbk.toml"
    path.write_bytes(LOCAL.encode("gbk"))
    with pytest.raises(UserError, match="UTF-8"):
        load_parameters(path)
