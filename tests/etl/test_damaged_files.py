"""Files to which something happened on the way: read or refused in a sentence, never worse."""

import random
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.etl.delivered_files import (
    FILES,
    KML,
    write_as,
    write_gdb_zip,
    write_workbook,
)
from tests.etl.drawings import DRAWING, extract, model

DAMAGED_READING = """
import resource, sys
from pathlib import Path
from etl.inspect import inspect_file
from geodata.errors import UserError

resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
for path in sorted(Path(sys.argv[1]).iterdir()):
    print("reading", path.name, flush=True)
    resource.setrlimit(resource.RLIMIT_CPU, (int(sum(resource.getrusage(resource.RUSAGE_SELF)[:2])) + 20, -1))
    try:
        for layer in inspect_file(path, None).to_json():
            assert layer["job"]
    except UserError as error:
        assert "\\n" not in str(error), error
print("done")
"""


def damaged(content: bytes, dice: random.Random) -> bytes:
    """A file after something happened to it."""
    kind = dice.randrange(5)
    if kind == 0:
        return content[: dice.randrange(len(content))]
    changed = bytearray(content)
    if kind == 1:
        for _ in range(dice.randrange(1, 30)):
            changed[dice.randrange(len(changed))] = dice.randrange(256)
    elif kind == 2:
        for _ in range(dice.randrange(1, 6)):
            changed[dice.randrange(min(len(changed), 512))] = 255
    elif kind == 3:
        at = dice.randrange(len(changed))
        changed[at : at + dice.randrange(1, 400)] = b""
    else:
        at = dice.randrange(len(changed))
        changed[at:at] = dice.randbytes(dice.randrange(1, 300))
    return bytes(changed)


SHEET = (
    '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>'
    '<table:table table:name="一"><table:table-row><table:table-cell office:value-type="string"><text:p>编号'
    "</text:p></table:table-cell></table:table-row></table:table></office:spreadsheet></office:body>"
    "</office:document-content>"
)
PARTS = ((".shp", ".shx", ".dbf", ".prj", ".cpg"), (".tab", ".dat", ".map", ".id"), (".mif", ".mid"))


def write_each(good: Path) -> None:
    """A sound file of every format."""
    for name in FILES:
        if "zipped" not in name and name != "file geodatabase":
            FILES[name](good)
    (good / "a.kml").write_text(KML, encoding="utf-8")
    (good / "a.dxf").write_bytes(DRAWING.encode("gb18030"))
    (good / "a.inp").write_text(model("CFS", "DEPTH"))
    (good / "a.osm.pbf").write_bytes(extract(".osm.pbf"))
    (good / "a.csv").write_text("编号,名称\nA1,井\nA2,“井”\n", encoding="gb18030")
    (good / "u.csv").write_text("编号\t名称\nA1\t井\nA2\t“井”\n", encoding="utf-16")
    write_workbook(good / "a.xlsx")
    write_as("b.shp", encoding="GBK")(good)
    write_gdb_zip(good.parent).rename(good / "a.gdb.zip")
    packed = {"a.kmz": ("doc.kml", KML), "a.zip": ("a.csv", "a,b\n1,2\n"), "a.ods": ("content.xml", SHEET)}
    for name, (member, text) in packed.items():
        with zipfile.ZipFile(good / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(member, text)


def spoil(good: Path, bad: Path, dice: random.Random) -> None:
    """Every file in several states; of those with several parts one at a time, the others sound."""
    files = sorted(good.iterdir())
    for number in range(2):
        for file in files:
            stem = f"{file.stem.split('.')[0]}{number}{file.suffix[1:]}"
            family = next((endings for endings in PARTS if file.suffix in endings), (file.suffix,))
            for part in (file.with_suffix(ending) for ending in family):
                content = part.read_bytes()
                name = f"{stem}.{part.name.partition('.')[2]}"
                (bad / name).write_bytes(damaged(content, dice) if part == file else content)
    (bad / "endless.csv").write_text("1" * 200_000)
    for file in files:
        (bad / f"wrong{file.name}").write_bytes(dice.choice(files).read_bytes())
        (bad / f"empty{file.name}").write_bytes(b"")
        (bad / f"zeros{file.name}").write_bytes(b"\0" * 4_096)


def test_damaged_files_are_read_or_refused_in_a_sentence(tmp_path: Path) -> None:
    """In a process of its own, whose memory and time are bounded: a reader that hangs or crashes fails it."""
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.mkdir()
    bad.mkdir()
    write_each(good)
    spoil(good, bad, random.Random(420106))
    command = [sys.executable, "-c", DAMAGED_READING, str(bad)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.endswith("done\n"), done.stdout.splitlines()[-1:] + done.stderr.splitlines()[-12:]
