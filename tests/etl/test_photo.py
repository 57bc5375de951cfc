"""Photographs: what is kept of them, what is read from them, and what is refused."""

import struct
import zlib
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.photo import MOST_BYTES, PhotoError, read_photo

SECRET = b"owner: somebody"


def tiff() -> bytes:
    """Orientation 6, 2026-05-01 08:30:00, 30°33'00" N 114°20'24" E, big-endian, laid out by hand."""
    main = 8
    own = main + 2 + 3 * 12 + 4
    place = own + 2 + 12 + 4
    data = place + 2 + 4 * 12 + 4
    taken, north, east = data, data + 20, data + 44
    entry = struct.Struct(">HHI4s")
    number = struct.Struct(">I").pack
    return b"".join(
        [
            b"MM\0*" + number(main),
            struct.pack(">H", 3),
            entry.pack(0x0112, 3, 1, struct.pack(">HH", 6, 0)),
            entry.pack(0x8769, 4, 1, number(own)),
            entry.pack(0x8825, 4, 1, number(place)),
            number(0),
            struct.pack(">H", 1) + entry.pack(0x9003, 2, 20, number(taken)) + number(0),
            struct.pack(">H", 4),
            entry.pack(1, 2, 2, b"N\0\0\0"),
            entry.pack(2, 5, 3, number(north)),
            entry.pack(3, 2, 2, b"E\0\0\0"),
            entry.pack(4, 5, 3, number(east)),
            number(0),
            b"2026:05:01 08:30:00\0",
            struct.pack(">6I", 30, 1, 33, 1, 0, 1),
            struct.pack(">6I", 114, 1, 20, 1, 24, 1),
        ]
    )


def segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


SCAN = segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + b"\x12\xff\x00\x34\xff\xd0\x56"
FRAME = segment(0xC0, b"\x08" + struct.pack(">HH", 480, 640) + b"\x01\x01\x11\x00")
JPEG = b"".join(
    [
        b"\xff\xd8",
        segment(0xE1, b"Exif\0\0" + tiff()),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + SECRET),
        segment(0xFE, SECRET),
        FRAME,
        SCAN,
        b"\xff\xd9",
        b"PK\x03\x04" + SECRET,
    ]
)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PIXELS = zlib.compress(b"\0\xff\0\0" * 2)
PNG = b"".join(
    [
        b"\x89PNG\r\n\x1a\n",
        chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 2, 8, 2, 0, 0, 0)),
        chunk(b"tEXt", b"Author\0" + SECRET),
        chunk(b"eXIf", tiff()),
        chunk(b"IDAT", PIXELS),
        chunk(b"IEND", b""),
        SECRET,
    ]
)


def webp_chunk(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


WEBP_CONTENT = b"WEBP" + b"".join(
    [
        webp_chunk(b"VP8X", b"\x0c\0\0\0" + (639).to_bytes(3, "little") + (479).to_bytes(3, "little")),
        webp_chunk(b"VP8 ", b"\0" * 10),
        webp_chunk(b"EXIF", tiff()),
        webp_chunk(b"XMP ", SECRET),
    ]
)
WEBP = b"RIFF" + struct.pack("<I", len(WEBP_CONTENT)) + WEBP_CONTENT


@pytest.mark.parametrize(
    ("file", "media_type", "size"),
    [(JPEG, "image/jpeg", (640, 480)), (PNG, "image/png", (1, 2)), (WEBP, "image/webp", (640, 480))],
)
def test_time_and_place_are_read_and_nothing_else_is_kept(
    file: bytes, media_type: str, size: tuple[int, int]
) -> None:
    photo = read_photo(file)
    assert (photo.media_type, photo.width, photo.height) == (media_type, *size)
    assert photo.taken_at == datetime(2026, 5, 1, 8, 30)
    assert photo.lat == pytest.approx(30.55)
    assert photo.lon == pytest.approx(114.34)
    for left_behind in (SECRET, b"2026:05:01", b"GPS", b"PK\x03\x04"):
        assert left_behind not in photo.body
    again = read_photo(photo.body)
    assert (again.width, again.height, again.taken_at, again.lon) == (*size, None, None)


def test_the_picture_itself_stays_and_stands_upright() -> None:
    body = read_photo(JPEG).body
    assert FRAME + SCAN + b"\xff\xd9" in body
    # The one Exif entry left is tag 0x0112 with the value 6.
    assert b"Exif\0\0MM\0*" in body
    assert struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0) in body


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (b"", "no photograph"),
        (b"<svg onload=alert(1)>", "no photograph"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 20, "HEIC"),
        (JPEG[:60], "damaged"),
        (PNG[:-40], "damaged"),
        (PNG.replace(PIXELS, PIXELS[:-1] + b"\0"), "damaged"),
        (WEBP[:40], "damaged"),
        (b"\xff\xd8\xff" + b"\0" * MOST_BYTES, "larger than 10 MB"),
        (JPEG.replace(struct.pack(">HH", 480, 640), struct.pack(">HH", 65535, 65535)), "100 million"),
    ],
)
def test_what_is_no_photograph_is_refused_with_one_sentence(file: bytes, words: str) -> None:
    with pytest.raises(PhotoError, match=words):
        read_photo(file)


@given(st.sampled_from([JPEG, PNG, WEBP]), st.binary(max_size=40), st.integers(0, 400))
def test_damage_anywhere_is_refused_or_read_and_never_breaks(file: bytes, rubbish: bytes, at: int) -> None:
    damaged = file[:at] + rubbish + file[at + len(rubbish) :]
    try:
        photo = read_photo(damaged)
    except PhotoError:
        return
    assert photo.width > 0
    assert read_photo(photo.body).taken_at is None
