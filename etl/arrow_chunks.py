"""Record batches of a reader gathered into tables of a wished number of rows."""

from collections.abc import Iterable, Iterator

import pyarrow as pa


def tables_of(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """Tables of ``rows`` rows each, the last one perhaps shorter; none is empty."""
    waiting: list[pa.RecordBatch] = []
    held = 0
    for batch in batches:
        waiting.append(batch)
        held += len(batch)
        if held >= rows:
            table = pa.Table.from_batches(waiting)
            for at in range(0, held - held % rows, rows):
                yield table.slice(at, rows)
            rest = table.slice(held - held % rows)
            waiting, held = rest.to_batches(), len(rest)
    if held:
        yield pa.Table.from_batches(waiting)
