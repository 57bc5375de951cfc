"""CSV as departments save it: UTF-8 with or without BOM, UTF-16 or GB18030; quoted line breaks kept."""

import codecs
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from etl.arrow_chunks import tables_of
from etl.delivery import Delivery, Source, SourceError, SourceLayer
from etl.source_format import SourceFormat
from etl.source_options import SourceOptions

_BLOCK = 1 << 24
_HEADER_SEARCHED = 30
_DELIMITERS = ",\t;|"


class DelimitedSource(Source):
    """A text file with a delimiter; all cells are text, a row's number is the one a spreadsheet shows."""

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self.path = path
        self.encoding = text_encoding(path, options.encoding)
        with path.open(encoding=self.encoding, newline="") as file:
            lines = [file.readline() for _ in range(max(_HEADER_SEARCHED, options.header_row))]
        self.header_row = _header_row(path, lines, options)
        header = lines[self.header_row - 1]
        self.delimiter = options.delimiter or max(_DELIMITERS, key=header.count)
        self.names = self._header()

    def layers(self) -> list[SourceLayer]:
        rows = sum(len(part) for part in self.chunks(None, _BLOCK))
        return [
            SourceLayer(
                self.path.stem,
                rows,
                fields=dict.fromkeys(self.names, "text"),
                encoding=self.encoding.removesuffix("-sig").upper(),
            )
        ]

    def chunks(self, layer: str | None, rows: int) -> Iterator[Delivery]:  # noqa: ARG002
        begin = self.header_row + 1
        for table in tables_of(self._batches(), rows):
            yield Delivery(self.path, table.to_pandas(), np.arange(begin, begin + len(table)))
            begin += len(table)

    def _header(self) -> list[str]:
        with self._text() as text:
            try:
                header = pd.read_csv(text, sep=self.delimiter, nrows=0, dtype=str)
            except (pd.errors.EmptyDataError, pd.errors.ParserError) as error:
                raise SourceError(f"{self.path} is empty: deliver it again.") from error
        return [str(name).strip() for name in header.columns]

    def _text(self) -> io.TextIOWrapper:
        """The file from its header on."""
        text = self.path.open(encoding=self.encoding, newline="")
        for _ in range(self.header_row - 1):
            text.readline()
        return text

    def _batches(self) -> Iterator[pa.RecordBatch]:
        """All rows below the header, a block at a time."""
        with self._text() as text:
            try:
                reader = pyarrow.csv.open_csv(
                    pa.PythonFile(_Utf8(text), mode="r"),
                    read_options=pyarrow.csv.ReadOptions(
                        column_names=self.names, block_size=_BLOCK, use_threads=False
                    ),
                    parse_options=pyarrow.csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True),
                    convert_options=pyarrow.csv.ConvertOptions(
                        column_types=dict.fromkeys(self.names, pa.large_string()), strings_can_be_null=False
                    ),
                )
                first = True
                for batch in reader:
                    yield batch.slice(1 if first else 0)
                    first = False
            except pa.ArrowInvalid as error:
                words = str(error).splitlines()[0]
                raise SourceError(f"{self.path} is no proper CSV: {words}") from error


class _Utf8(io.RawIOBase):
    """Text read as bytes of UTF-8."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._held = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        if size < 0:
            return self._held + self._text.read().encode()
        while len(self._held) < size and (more := self._text.read(size)):
            self._held += more.encode()
        given, self._held = self._held[:size], self._held[size:]
        return given


def text_encoding(path: Path, stated: str | None) -> str:
    """The encoding of a text file: the stated one if it fits, else by mark, else UTF-8 or GB18030.

    Raises:
        SourceError: it is text in none of them.
    """
    tried = [stated] if stated else ["utf-8-sig", "gb18030"]
    with path.open("rb") as file:
        if not stated and file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            tried = ["utf-16"]
    for name in tried:
        try:
            if _decodes(path, name):
                return name
        except LookupError as error:
            raise SourceError(f"The encoding “{name}” stated for {path} is unknown.") from error
    raise SourceError(f"{path} is not text in {' or '.join(tried)}: save it as CSV UTF-8.")


def _decodes(path: Path, encoding: str) -> bool:
    try:
        with path.open(encoding=encoding) as file:
            while file.read(1 << 20):
                pass
    except UnicodeError:
        return False
    return True


def _header_row(path: Path, lines: list[str], options: SourceOptions) -> int:
    if not options.header_contains:
        return options.header_row
    for number, line in enumerate(lines, start=1):
        if all(word in line for word in options.header_contains):
            return number
    raise SourceError(
        f"{path} has no header row with {', '.join(options.header_contains)} in its first "
        f"{_HEADER_SEARCHED} rows."
    )


FORMAT = SourceFormat("csv", (".csv", ".txt", ".tsv"), DelimitedSource)
