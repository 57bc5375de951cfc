"""Order of a collection's features (OGC API – Features, draft of part 8), and the key where a page ends."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from geodata.errors import UserError
from layers.feature import LARGEST_ID
from layers.ogc.queryable import Kind, Queryable

MOST_TERMS = 6
_KEY_TYPES: Mapping[Kind, sql.SQL] = {
    "text": sql.SQL("text"),
    "number": sql.SQL("float8"),
    "integer": sql.SQL("int8"),
    "date": sql.SQL("date"),
    "texts": sql.SQL("text[]"),
}
"""Types in which a value comes back unchanged from its text."""


@dataclass(frozen=True)
class SortTerm:
    """A property by which features are sorted. Those without a value come last, either way."""

    queryable: Queryable
    descending: bool

    def value(self) -> sql.Composed:
        """SQL expression that is sorted by; Chinese in the order of pinyin, as people look names up."""
        collated = ' COLLATE "zh-x-icu"' if self.queryable.kind in ("text", "texts") else ""
        return sql.SQL("({}){}").format(self.queryable.value(), sql.SQL(collated))


Order = tuple[SortTerm, ...]


@dataclass(frozen=True)
class Key:
    """Where a page ends: the texts of its last feature's sort values, then dataset and feature id."""

    dataset_id: int
    feature_id: int
    values: tuple[str | None, ...] = ()

    def __str__(self) -> str:
        place = f"{self.dataset_id}.{self.feature_id}"
        if not self.values:
            return place
        packed = json.dumps(self.values, ensure_ascii=False, separators=(",", ":")).encode()
        return f"{place}.{base64.urlsafe_b64encode(packed).decode().rstrip('=')}"

    @staticmethod
    def read(text: str, order: Order) -> "Key":
        """The key of a ``next`` link.

        Raises:
            UserError: it is none, or one of another order.
        """
        try:
            dataset_id, feature_id, *packed = text.split(".")
            key = Key(int(dataset_id), int(feature_id), _values(packed))
        except ValueError as error:
            raise no_key(text) from error
        placed = 0 <= key.dataset_id < 2**31 and abs(key.feature_id) <= LARGEST_ID
        if not placed or len(key.values) != len(order):
            raise no_key(text)
        return key


def _values(packed: list[str]) -> tuple[str | None, ...]:
    if not packed:
        return ()
    (text,) = packed
    values = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    if not isinstance(values, list) or not all(map(_is_value, values)):
        raise ValueError(text)
    return tuple(values)


def _is_value(value: Any) -> bool:
    """Whether the store can have written it."""
    if isinstance(value, str):
        value.encode()
    return value is None or (isinstance(value, str) and "\x00" not in value)


def no_key(text: str) -> UserError:
    """The refusal of what is no key."""
    return UserError(f"The parameter after is “{text[:60]}”: take it from a “next” link as it is.")


def read_order(text: str | None, properties: Mapping[str, Queryable]) -> Order:
    """The order that a parameter ``sortby`` such as ``+name,-code`` states; without a sign it ascends.

    Raises:
        UserError: it names something else than properties, or one of them twice.
    """
    if text is None:
        return ()
    terms: dict[str, SortTerm] = {}
    for part in text.split(","):
        # In an address a plus sign that is not escaped arrives as a space.
        name = part.strip().removeprefix("+") if part[:1] != "-" else part[1:].strip()
        if name not in properties:
            raise UserError(
                f"The parameter sortby names “{name[:60]}”, which is not shown here: "
                f"use one of {', '.join(properties)}, with - before those that descend."
            )
        if name in terms:
            raise UserError(f"The parameter sortby names {name} twice: name it once.")
        terms[name] = SortTerm(properties[name], part[:1] == "-")
    if len(terms) > MOST_TERMS:
        raise UserError(f"The parameter sortby names {len(terms)} properties: name at most {MOST_TERMS}.")
    return tuple(terms.values())


def ordered_by(order: Order) -> sql.Composed:
    """What follows ORDER BY."""
    terms = [
        sql.SQL("{} {} NULLS LAST").format(term.value(), sql.SQL("DESC" if term.descending else "ASC"))
        for term in order
    ]
    return sql.SQL(", ").join([*terms, sql.SQL("dataset_id"), sql.SQL("id")])


def key_columns(order: Order) -> sql.Composed:
    """SQL expression of the sort values as texts, as a key takes them."""
    texts = [sql.SQL("{}::text").format(term.queryable.value()) for term in order]
    return sql.SQL("ARRAY[{}]::text[]").format(sql.SQL(", ").join(texts))


def beyond(order: Order, key: Key) -> tuple[sql.Composed, dict[str, Any]]:
    """The condition that a feature comes after the key, and its parameters."""
    parameters: dict[str, Any] = {"after_dataset": key.dataset_id, "after_id": key.feature_id}
    same: list[sql.Composable] = [sql.SQL("TRUE")]
    ways: list[sql.Composable] = []
    for position, (term, value) in enumerate(zip(order, key.values, strict=True)):
        if value is None:
            same.append(sql.SQL("{} IS NULL").format(term.value()))
            continue
        name = f"after_{position}"
        parameters[name] = value
        given = sql.SQL("{}::text::{}").format(sql.Placeholder(name), _KEY_TYPES[term.queryable.kind])
        sign = sql.SQL("<" if term.descending else ">")
        further = sql.SQL("({value} {sign} {given} OR {value} IS NULL)").format(
            value=term.value(), sign=sign, given=given
        )
        ways.append(sql.SQL(" AND ").join([*same, further]))
        same.append(sql.SQL("{} = {}").format(term.value(), given))
    ids = sql.SQL("(dataset_id, id) > (%(after_dataset)s::int, %(after_id)s::bigint)")
    ways.append(sql.SQL(" AND ").join([*same, ids]))
    return sql.SQL("(({}))").format(sql.SQL(") OR (").join(ways)), parameters
