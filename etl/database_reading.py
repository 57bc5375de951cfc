"""What reading a department's database by an incremental key has in common, whichever database it is."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from etl.fetch import FetchError, UnansweredError
from etl.source_options import SourceOptions

FETCHED_AT_ONCE = 5_000


def table_parts(options: SourceOptions) -> list[str]:
    """Schema and table of ``table``.

    Raises:
        FetchError: it is no name.
    """
    parts = (options.table or "").split(".")
    if len(parts) > 2 or not all(parts) or any("\0" in part for part in parts):
        raise FetchError(f"source.table “{options.table}” is no table: write it as schema.table.")
    return parts


def unreadable(options: SourceOptions, words: str, *, answered: bool) -> FetchError:
    """The error for a table that cannot be read; one that nothing answered for may be tried again."""
    mend = "check the job's source and credential"
    if not answered:
        mend = "see whether it runs and can be reached, and run the job again"
    return (FetchError if answered else UnansweredError)(
        f"Table {options.table} of “{options.credential}” cannot be read ({words}): {mend}."
    )


class Watermark:
    """How far the key of a table was read: the greatest value seen, as text that sorts back into a value."""

    def __init__(self, options: SourceOptions, text: str | None) -> None:
        self.options, self.text = options, text
        self.greatest: Any = None

    def start(self) -> datetime | Decimal | None:
        """Where reading begins: the last watermark less the overlap; None reads everything.

        Raises:
            FetchError: the watermark is of another kind of key.
        """
        if self.text is None or self.options.key is None:
            return None
        try:
            return Decimal(self.text) - Decimal(str(self.options.overlap))
        except ArithmeticError:
            pass
        try:
            return datetime.fromisoformat(self.text) - timedelta(seconds=self.options.overlap)
        except ValueError as error:
            raise FetchError(
                f"The last reading of {self.options.table} ended at “{self.text}”, no time and no "
                "number: load it in full once."
            ) from error

    def see(self, value: Any) -> None:
        """A row's key.

        Raises:
            FetchError: it is neither a time nor a number.
        """
        if value is None:
            return
        if not isinstance(value, date | int | float | Decimal):
            raise FetchError(
                f"source.key “{self.options.key}” of {self.options.table} holds {value!r}: the key must be a "
                "time or a number that grows with every change."
            )
        if self.greatest is None or value > self.greatest:
            self.greatest = value

    def reached(self) -> str | None:
        """The new watermark; the old one where nothing was new."""
        if self.greatest is None:
            return self.text
        return self.greatest.isoformat() if isinstance(self.greatest, date) else str(self.greatest)
