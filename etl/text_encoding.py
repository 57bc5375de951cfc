"""Encodings of texts by their own bytes: BOM, UTF-8 validity, and which reading gives common Chinese.

GB18030 and Big5 accept nearly the same bytes; read wrongly, common characters become rare ones. So the share
of characters that are frequent in administrative Chinese decides, and Latin text shows by having none.
"""

import codecs
import re
import shutil
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from etl.delivery import SourceError

_BOMS = (
    (codecs.BOM_UTF8, "UTF-8"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_CHINESE = ("GB18030", "Big5")
_COMMON = Path(__file__).with_name("common_characters.toml")
_HAN = re.compile("[㐀-鿿]")
_HIGH = bytes(range(0x80, 0x100))
_READ = 8 << 20
_READ_FOR_WORDS = 200_000
"""Bytes of a text that are enough to see which characters are frequent in it."""
_DAMAGED = 0.02
"""Share of a text's non-ASCII bytes that may be broken before it is another encoding."""
_SIMILAR = 0.1
"""GB18030 stands against Big5 when its share of common characters is less than this behind."""


@dataclass(frozen=True)
class EncodingGuess:
    """An encoding by its usual name, how sure it is (0–1), the next best, and why in two languages."""

    name: str
    confidence: float
    runner_up: str | None
    reason_zh: str
    reason_en: str
    bom: bool = False

    @property
    def codec(self) -> str:
        """Python's name of it; a mark of UTF-8 is no part of the text."""
        return "utf-8-sig" if self.name == "UTF-8" else self.name.lower()


def detect_encoding(raw: bytes) -> EncodingGuess:
    """The encoding of a whole text, or of the beginning of one."""
    for mark, name in _BOMS:
        if raw.startswith(mark):
            return EncodingGuess(
                name, 1.0, None, "文件以字节序标记（BOM）开头", "starts with a BOM", bom=True
            )
    if name := _wide(raw):
        return EncodingGuess(name, 0.95, "UTF-8", "每隔一个字节为零", "every second byte is zero")
    return detect_pieces([raw])


def detect_pieces(pieces: Iterable[bytes]) -> EncodingGuess:
    """The encoding that all of several texts share; each may be cut off inside its last character."""
    texts = [piece for piece in pieces if not piece.isascii()]
    if not texts:
        return EncodingGuess("UTF-8", 1.0, None, "全部为 ASCII 字符", "nothing but ASCII")
    high = sum(len(text) - len(text.translate(None, _HIGH)) for text in texts)
    broken = {name: sum(_broken(text, name) for text in texts) / high for name in ("UTF-8", *_CHINESE)}
    if broken["UTF-8"] == 0:
        sure = 1 - 0.5 ** min(high / 3, 20)
        return EncodingGuess(
            "UTF-8", round(sure, 3), "GB18030", "全部字节符合 UTF-8", "every byte is valid UTF-8"
        )
    if broken["UTF-8"] <= _DAMAGED:
        return EncodingGuess(
            "UTF-8", 0.9, "GB18030", "除少数损坏字节外符合 UTF-8", "valid UTF-8 but for a few damaged bytes"
        )
    return _chinese_or_latin(texts, broken)


def text_encoding(path: Path, stated: str | None) -> str:
    """The encoding of a text file, by the name of its codec: the stated one if it fits, else by its bytes.

    Raises:
        SourceError: it is text in no encoding.
    """
    tried = [stated] if stated else _guessed(head_of(path))
    for name in tried:
        try:
            if _decodes(path, name):
                return name
        except LookupError as error:
            raise SourceError(f"The encoding “{name}” stated for {path} is unknown.") from error
    raise SourceError(f"{path} is not text in {' or '.join(map(shown, tried))}: save it in UTF-8.")


def _guessed(head: bytes) -> list[str]:
    """The likeliest codec; where the beginning is ASCII the rest may still be Chinese of either kind."""
    return ["utf-8-sig", "gb18030"] if head.isascii() else [detect_encoding(head).codec]


def head_of(path: Path) -> bytes:
    """As much of a file as tells its encoding."""
    with path.open("rb") as file:
        return file.read(_READ)


def dbf_texts(dbf: Path, sampled_records: int = 5_000) -> Iterator[bytes]:
    """Field names of a dBASE table, then the values of its character fields."""
    with dbf.open("rb") as file:
        head = file.read(32)
        header_size, record_size = int.from_bytes(head[8:10], "little"), int.from_bytes(head[10:12], "little")
        descriptors = file.read(max(header_size - 32, 0))
        records = file.read(record_size * sampled_records)
    begin, fields = 1, []
    for at in range(0, len(descriptors) - 31, 32):
        descriptor = descriptors[at : at + 32]
        if descriptor[0] == 0x0D:
            break
        yield descriptor[:11].split(b"\0")[0]
        if descriptor[11:12] == b"C":
            fields.append((begin, begin + descriptor[16]))
        begin += descriptor[16]
    for at in range(0, len(records) - record_size + 1, max(record_size, 1)):
        for start, end in fields:
            yield records[at + start : at + end].rstrip(b" \0")


def _wide(raw: bytes) -> str | None:
    """UTF-16 without BOM shows by the zero halves of its commas, digits and line ends."""
    sample = raw[:4_000]
    if len(sample) < 8 or 0 not in sample:
        return None
    odd, even = sample[1::2].count(0), sample[0::2].count(0)
    if max(odd, even) < len(sample) / 20:
        return None
    return "UTF-16-LE" if odd > even else "UTF-16-BE"


def _broken(text: bytes, encoding: str) -> int:
    """Bytes that cannot be read; a character cut off at the end is no fault."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    return decoder.decode(text, final=False).count("�")


def _chinese_or_latin(texts: list[bytes], broken: dict[str, float]) -> EncodingGuess:
    shares = {name: _common_share(texts, name) * (1 - min(5 * broken[name], 1)) for name in _CHINESE}
    best = max(_CHINESE, key=lambda name: shares[name] + (_SIMILAR if name == "GB18030" else 0))
    other = _CHINESE[1 - _CHINESE.index(best)]
    if shares[best] < 0.05 and _looks_latin(texts):
        return EncodingGuess(
            "Windows-1252", 0.7, best, "高位字节夹在拉丁字母之间", "lone high bytes between Latin letters"
        )
    sure = 0.5 + 0.5 * min(1.0, max(0.0, shares[best] - shares[other]) / 0.2)
    zh = f"按 {best} 解读时常用汉字占 {shares[best]:.0%}，按 {other} 占 {shares[other]:.0%}"
    en = (
        f"{shares[best]:.0%} of the characters are common ones read as {best}, {shares[other]:.0%} as {other}"
    )
    return EncodingGuess(best, round(sure * (1 - min(broken[best], 0.5)), 3), other, zh, en)


def _common_share(texts: list[bytes], encoding: str) -> float:
    sample = b"\n".join(texts)[:_READ_FOR_WORDS]
    han = _HAN.findall(sample.decode(encoding, errors="ignore"))
    return sum(character in _common() for character in han) / len(han) if han else 0.0


def _looks_latin(texts: list[bytes]) -> bool:
    """Most high bytes stand alone, between ASCII letters or at a word's end."""
    lone = sum(len(re.findall(rb"(?<![\x80-\xff])[\x80-\xff](?![\x80-\xff])", text)) for text in texts)
    return lone >= 0.6 * sum(len(re.findall(rb"[\x80-\xff]+", text)) for text in texts)


@cache
def _common() -> frozenset[str]:
    with _COMMON.open("rb") as file:
        return frozenset(_HAN.findall("".join(tomllib.load(file).values())))


def _decodes(path: Path, encoding: str) -> bool:
    try:
        with path.open(encoding=encoding) as file:
            while file.read(1 << 20):
                pass
    except UnicodeError:
        return False
    return True


def shown(encoding: str) -> str:
    """An encoding as people know it."""
    return encoding.removesuffix("-sig").upper()


def transcode(path: Path, encoding: str, copy: Path) -> None:
    """Write a copy in UTF-8 without a mark."""
    with (
        path.open(encoding=encoding, newline="") as file,
        copy.open("w", encoding="utf-8", newline="") as out,
    ):
        shutil.copyfileobj(file, out)
