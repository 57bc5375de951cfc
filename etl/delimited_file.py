"""Reads CSV as departments save it: UTF-8 with or without BOM, or GB18030; quoted line breaks kept."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from geodata.errors import UserError


class DelimitedFileError(UserError):
    """A CSV file that cannot be read."""


def read_delimited(
    path: Path, delimiter: str, encoding: str | None, header_row: int
) -> tuple[pd.DataFrame, np.ndarray]:
    """All cells as text, and each row's number as a spreadsheet shows it (the header counts).

    Raises:
        DelimitedFileError: not text, or rows of another length than the header.
    """
    text = _decoded(path, encoding)
    for _ in range(header_row - 1):
        text = text.partition("\n")[2]
    header = pd.read_csv(io.StringIO(text), sep=delimiter, nrows=0, dtype=str)
    names = [str(name).strip() for name in header.columns]
    if not names or not text.strip():
        raise DelimitedFileError(f"{path} is empty: deliver it again.")
    try:
        table = pyarrow.csv.read_csv(
            io.BytesIO(text.encode("utf-8")),
            read_options=pyarrow.csv.ReadOptions(column_names=names, skip_rows=0, block_size=1 << 24),
            parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.large_string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        raise DelimitedFileError(f"{path} is no proper CSV: {str(error).splitlines()[0]}") from error
    frame = table.slice(1).to_pandas()
    rows = np.arange(header_row + 1, header_row + 1 + len(frame))
    return frame, rows


def _decoded(path: Path, encoding: str | None) -> str:
    raw = path.read_bytes()
    tried = [encoding] if encoding else ["utf-8-sig", "gb18030"]
    if not encoding and raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        tried = ["utf-16"]
    for name in tried:
        try:
            return raw.decode(name)
        except UnicodeDecodeError:
            continue
        except LookupError as error:
            raise DelimitedFileError(f"The encoding “{name}” stated for {path} is unknown.") from error
    raise DelimitedFileError(f"{path} is not text in {' or '.join(tried)}: save it as CSV UTF-8.")
