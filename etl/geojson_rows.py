"""Features of GeoJSON answers as rows, counted and told apart so that a service cannot lose or repeat any."""

import json
from typing import Any

import shapely

from etl.fetch import FetchError
from etl.row_spool import FetchedRow


class Tally:
    """Rows fetched so far from one service.

    Args:
        address: the service, for messages.
        total: rows it says it has, None where it does not say.
    """

    def __init__(self, address: str, total: int | None) -> None:
        self.address, self.total = address, total
        self.rows = 0
        self._ids: set[str] = set()

    def count(self, identifiers: list[Any], total: int | None = None) -> None:
        """Count a page.

        Raises:
            FetchError: the service repeats features, or says that it has another number of rows than before.
        """
        for identifier in identifiers:
            if identifier is not None and str(identifier) in self._ids:
                raise FetchError(
                    f"The service {self.address} gives feature {identifier} twice: its pages overlap, "
                    "nothing was loaded; run the job again."
                )
            self._ids.add(str(identifier))
        self.rows += len(identifiers)
        if None not in (total, self.total) and total != self.total:
            raise FetchError(
                f"The service {self.address} had {self.total} features and now has {total}: it changed while "
                "it was read, nothing was loaded; run the job again."
            )

    def finish(self) -> None:
        """All pages are here.

        Raises:
            FetchError: they hold another number of rows than the service says it has.
        """
        if self.total is not None and self.rows != self.total:
            raise FetchError(
                f"The service {self.address} says it has {self.total} features and gave {self.rows}: "
                "nothing was loaded; run the job again."
            )


def feature_rows(address: str, features: Any) -> tuple[list[FetchedRow], list[Any]]:
    """Rows of the features of an answer, and what identifies them.

    Raises:
        FetchError: they are no features.
    """
    rows, identifiers = [], []
    try:
        for feature in features:
            geometry = feature.get("geometry")
            shape = None if geometry is None else shapely.from_geojson(json.dumps(geometry))
            cells = dict(feature.get("properties") or {})
            identifiers.append(feature.get("id"))
            if feature.get("id") is not None:
                cells.setdefault("id", feature["id"])
            rows.append(FetchedRow(cells, shape))
    except (AttributeError, TypeError, ValueError, shapely.errors.GEOSException) as error:
        raise FetchError(f"The service {address} answers something other than GeoJSON features.") from error
    return rows, identifiers
