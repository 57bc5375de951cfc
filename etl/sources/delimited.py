"""CSV as departments save it: UTF-8 with or without BOM, UTF-16 or GB18030; quoted line breaks kept."""

import csv
import io
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from etl.arrow_chunks import tables_of
from etl.delivery import Delivery, Source, SourceError, SourceLayer
from etl.header_row import SEARCHED, find_header, unique_names
from etl.source_format import SourceFormat
from etl.source_options import SourceOptions
from etl.text_encoding import shown, text_encoding

_BLOCK = 1 << 24
_LONGEST_LINE = 1 << 20
_DELIMITERS = ",\t;|"
_MOST_SAID = 10
"""Lines named in one refusal."""


class DelimitedSource(Source):
    """A text file with a delimiter; all cells are text, a row's number is the one a spreadsheet shows."""

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self.path = path
        self.encoding = text_encoding(path, options.encoding)
        with path.open(encoding=self.encoding, newline="") as file:
            lines = [file.readline(_LONGEST_LINE) for _ in range(max(SEARCHED, options.header_row or 0))]
        self.delimiter = options.delimiter or max(_DELIMITERS, key=lambda one: _usual(lines, one))
        self.header_row = self._find_header(lines, options)
        self.names = self._header()

    def layers(self) -> list[SourceLayer]:
        rows = sum(len(part) for part in self.chunks(None, _BLOCK))
        return [
            SourceLayer(
                self.path.stem,
                rows,
                fields=dict.fromkeys(self.names, "text"),
                encoding=shown(self.encoding),
            )
        ]

    def chunks(self, layer: str | None, rows: int) -> Iterator[Delivery]:  # noqa: ARG002
        begin = self.header_row + 1
        for table in tables_of(self._batches(), rows):
            yield Delivery(self.path, table.to_pandas(), np.arange(begin, begin + len(table)))
            begin += len(table)

    def _find_header(self, lines: list[str], options: SourceOptions) -> int:
        """Number of the line in which the header begins."""
        if options.header_row is not None:
            return options.header_row
        reader = csv.reader(lines, delimiter=self.delimiter)
        begins, records = [], []
        at = 0
        with suppress(csv.Error):
            for record in reader:
                begins.append(at + 1)
                records.append(record)
                at = reader.line_num
        header = find_header(records, options.header_contains)
        if header is None:
            raise SourceError(
                f"{self.path} has no header row with {', '.join(options.header_contains)} in its first "
                f"{SEARCHED} lines."
            )
        return begins[header] if begins else 1

    def _header(self) -> list[str]:
        with self._text() as text:
            try:
                names = next(csv.reader(text, delimiter=self.delimiter), [])
            except csv.Error as error:
                raise SourceError(f"{self.path} is no proper CSV: {error}.") from error
        names = [" ".join(name.split()) for name in names]
        if not any(names):
            raise SourceError(f"{self.path} is empty: deliver it again.")
        return unique_names([name or f"Column {at}" for at, name in enumerate(names, start=1)])

    def _text(self) -> io.TextIOWrapper:
        """The file from its header on."""
        text = self.path.open(encoding=self.encoding, newline="")
        for _ in range(self.header_row - 1):
            text.readline()
        return text

    def _batches(self) -> Iterator[pa.RecordBatch]:
        """All rows below the header, a block at a time; from where rows are not of one width on, evened."""
        given = 0
        try:
            with self._text() as text:
                for batch in self._parsed(text):
                    yield batch
                    given += len(batch)
        except pa.ArrowInvalid as error:
            if "columns" not in str(error):
                raise self._improper(error) from error
        else:
            return
        try:
            with self._text() as text:
                for batch in self._parsed(_Evened(self._even_rows(text), self.delimiter)):
                    seen = min(given, len(batch))
                    yield batch.slice(seen)
                    given -= seen
        except (pa.ArrowInvalid, csv.Error) as error:
            raise self._improper(error) from error

    def _parsed(self, text: "io.TextIOWrapper | _Evened") -> Iterator[pa.RecordBatch]:
        """Rows of a text that begins with the header."""
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

    def _even_rows(self, text: io.TextIOWrapper) -> Iterator[list[str]]:
        """Rows as wide as the header: empty cells are added or left out.

        Raises:
            SourceError: rows have more cells than there are columns: which value is whose is not known.
        """
        width, wide = len(self.names), []
        reader = csv.reader(text, delimiter=self.delimiter)
        for row in reader:
            if any(cell.strip() for cell in row[width:]):
                wide.append(reader.line_num + self.header_row - 1)
                if len(wide) == _MOST_SAID:
                    break
            elif not wide and row:
                yield [*row[:width], *[""] * (width - len(row))]
        if wide:
            raise SourceError(
                f"{self.path} has more cells than its {width} columns in line {', '.join(map(str, wide))}: "
                "put cells that hold the delimiter or a line break in quotation marks."
            )

    def _improper(self, error: Exception) -> SourceError:
        return SourceError(f"{self.path} is no proper CSV: {str(error).splitlines()[0]}")


class _Evened:
    """Rows written again as text."""

    def __init__(self, rows: Iterator[list[str]], delimiter: str) -> None:
        self._rows, self._delimiter = rows, delimiter

    def read(self, size: int = -1) -> str:
        text = io.StringIO()
        writer = csv.writer(text, delimiter=self._delimiter)
        while size < 0 or text.tell() < size:
            row = next(self._rows, None)
            if row is None:
                break
            writer.writerow(row)
        return text.getvalue()


class _Utf8(io.RawIOBase):
    """Text read as bytes of UTF-8."""

    def __init__(self, text: io.TextIOWrapper | _Evened) -> None:
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


def _usual(lines: list[str], delimiter: str) -> float:
    """How often a line has the delimiter, titles above the table left aside."""
    return float(np.median([line.count(delimiter) for line in lines if line.strip()] or [0]))


FORMAT = SourceFormat("csv", (".csv", ".txt", ".tsv"), DelimitedSource)
