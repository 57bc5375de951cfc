"""Archives, and what must not be opened."""

import zipfile
from pathlib import Path

import pytest
import xlsxwriter

from etl.source_format import list_layers
from geodata.errors import UserError
from tests.etl.delivered_files import WELLS, read, write_as


def zipped(folder: Path, members: dict[str, bytes]) -> Path:
    path = folder / "交付.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_several_files_in_an_archive(tmp_path: Path) -> None:
    members = {"说明.txt": b"readme", "成果/表.csv": "编号,名称\nA1,井\n".encode("gbk")}
    for name in ("雨水", "污水"):
        write_as(f"{name}.shp", encoding="GBK")(tmp_path)
        for part in tmp_path.glob(f"{name}.*"):
            members[f"成果/{part.name}"] = part.read_bytes()
    path = zipped(tmp_path, members)
    assert [layer.name for layer in list_layers(path)] == ["成果/污水.shp", "成果/表.csv", "成果/雨水.shp"]
    for layer in ("成果/雨水.shp", "雨水"):
        found = read(path, layer)
        assert found.attributes["名称"].tolist() == WELLS["名称"]
        assert found.path == path / "成果/雨水.shp"
    with pytest.raises(UserError, match="holds several files: name one with layer"):
        read(path)


def test_an_archive_within_an_archive(tmp_path: Path) -> None:
    (tmp_path / "内").mkdir()
    inner = zipped(tmp_path / "内", {"表.csv": "编号,名称\nA1,井\n".encode("gbk")})
    path = zipped(tmp_path, {"雨水.zip": inner.read_bytes()})
    assert [layer.name for layer in list_layers(path)] == ["雨水/表.csv"]
    assert read(path).attributes["名称"].tolist() == ["井"]


def test_names_in_gbk_without_a_word_of_it(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    content = "编号,名称\nA1,井\n".encode()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xxxx.csv", content)
    path.write_bytes(path.read_bytes().replace(b"xxxx", "管线".encode("gbk")))
    assert [layer.name for layer in list_layers(path)] == ["管线.csv"]


def bomb(folder: Path, what: str) -> Path:
    content = b""
    if what == "growth":
        return zipped(folder, {"a.csv": b"a,b\n" + b"0" * (80 << 20)})
    if what == "nest":
        for _ in range(4):
            content = zipped(folder, {"a.zip": content} if content else {"a.csv": b"a,b\n"}).read_bytes()
        return folder / "交付.zip"
    if what == "slip":
        return zipped(folder, {"../../a.csv": b"a,b\n1,2\n"})
    if what == "nothing":
        return zipped(folder, {"a.docx": b"..."})
    if what == "entities":
        (folder / "a.kml").write_text('<!DOCTYPE kml [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><kml>&b;</kml>')
        return folder / "a.kml"
    if what == "virtual":
        text = (
            '<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTLayer>'
        )
        (folder / "a.gpkg").write_text(text)
        return folder / "a.gpkg"
    if what == "html":
        (folder / "a.xls").write_text("<html><table><tr><td>编号</td></tr></table></html>")
        return folder / "a.xls"
    if what == "binary":
        (folder / "a.dxf").write_bytes(b"AutoCAD Binary DXF\r\n\x1a\x00")
        return folder / "a.dxf"
    if what == "corner":
        with xlsxwriter.Workbook(str(folder / "a.xlsx")) as book:
            sheet = book.add_worksheet()
            sheet.write(0, 0, "编号")
            sheet.write(1_048_575, 16_383, "远")
        return folder / "a.xlsx"
    (folder / "a.dwg").write_bytes(b"AC1032")
    return folder / "a.dwg"


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("growth", "more than is safe"),
        ("nest", "lies in too many archives"),
        ("slip", "leads out of the archive"),
        ("nothing", "holds no file of a format"),
        ("entities", "declares a document type"),
        ("virtual", r"is damaged or no \.gpkg file"),
        ("html", "is a web page and no workbook"),
        ("binary", "save it as DXF in the ASCII form"),
        ("corner", "rows by 16,384 columns"),
        ("unknown", "has the ending of no format"),
    ],
)
def test_what_must_not_be_opened(tmp_path: Path, what: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as refused:
        list_layers(bomb(tmp_path, what))
    assert "\n" not in str(refused.value)
