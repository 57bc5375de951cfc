"""CQL2 text (OGC 21-065) read into a small tree; what it may compare is judged where SQL is made of it.

Own because the parsers there are do not fit a server: pygeofilter 0.4 gives AND and OR the same precedence
and knows no quotes in texts, cql2 0.6 ends the process at 3,000 nested parentheses.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime

import shapely
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from geodata.errors import UserError

LONGEST = 20_000
DEEPEST = 50
"""Parentheses and NOTs within each other."""
SPATIAL = {
    "S_INTERSECTS": "ST_Intersects",
    "S_DISJOINT": "ST_Disjoint",
    "S_WITHIN": "ST_Within",
    "S_CONTAINS": "ST_Contains",
    "S_TOUCHES": "ST_Touches",
    "S_CROSSES": "ST_Crosses",
    "S_OVERLAPS": "ST_Overlaps",
    "S_EQUALS": "ST_Equals",
}
"""Spatial functions of CQL2 and PostGIS's of the same meaning."""

Scalar = str | float | bool | date | datetime


class FilterError(UserError):
    """A filter cannot be understood."""


@dataclass(frozen=True)
class Name:
    """A property."""

    text: str


@dataclass(frozen=True)
class Literal:
    """A value. Numbers are floats; a ``datetime`` has its zone."""

    value: Scalar


@dataclass(frozen=True)
class CaseFolded:
    """CASEI(…): compared without regard to case."""

    of: "Name | Literal"


Operand = Name | Literal | CaseFolded


@dataclass(frozen=True)
class Comparison:
    """``operator`` is one of ``= <> < <= > >=``."""

    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True)
class Like:
    """``%`` stands for any characters, ``_`` for one, ``\\`` takes the next character as it is."""

    operand: Operand
    pattern: Operand


@dataclass(frozen=True)
class Between:
    """Both ends belong to it."""

    operand: Operand
    low: Operand
    high: Operand


@dataclass(frozen=True)
class In:
    """Equal to one of the values."""

    operand: Operand
    values: tuple[Operand, ...]


@dataclass(frozen=True)
class IsNull:
    """Without a value."""

    name: Name


@dataclass(frozen=True)
class Spatial:
    """A spatial function; ``function`` is a key of ``SPATIAL``. One side is a property, one a geometry."""

    function: str
    left: Name | BaseGeometry
    right: Name | BaseGeometry


@dataclass(frozen=True)
class Not:
    """True where the other is false; unknown stays unknown."""

    condition: "Condition"


@dataclass(frozen=True)
class All:
    """AND."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True)
class Some:
    """OR."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True)
class Truth:
    """TRUE or FALSE."""

    value: bool


Condition = Comparison | Like | Between | In | IsNull | Spatial | Not | All | Some | Truth

TOKEN = re.compile(
    r"""
    (?P<space>\s+)
    | (?P<text>'(?:[^'\\]|''|\\.)*')
    | (?P<quoted>"[^"]+")
    | (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<word>[^\W\d][\w.]*)
    | (?P<sign><>|<=|>=|[=<>(),])
    """,
    re.VERBOSE | re.DOTALL,
)
KEYWORDS = frozenset({"AND", "OR", "NOT", "LIKE", "ILIKE", "BETWEEN", "IN", "IS", "NULL", "TRUE", "FALSE"})
COMPARISONS = ("=", "<>", "<=", ">=", "<", ">")
GEOMETRIES = (
    "POINT",
    "LINESTRING",
    "POLYGON",
    "MULTIPOINT",
    "MULTILINESTRING",
    "MULTIPOLYGON",
    "GEOMETRYCOLLECTION",
)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        return self.text.upper() if self.kind == "word" else ""


def parse(text: str) -> Condition:
    """The condition that a filter states.

    Raises:
        FilterError: it is no CQL2 text; the sentence names the place.
    """
    if len(text) > LONGEST:
        raise FilterError(f"The filter has more than {LONGEST} characters: shorten it.")
    if "\x00" in text:
        raise FilterError("The filter holds the character NUL, which no value has: leave it out.")
    parser = _Parser(text)
    condition = parser.any_of()
    parser.finish()
    return condition


def _tokens(text: str) -> list[_Token]:
    tokens, at = [], 0
    while at < len(text):
        found = TOKEN.match(text, at)
        if found is None:
            what = "a text without its closing quote" if text[at] in "'\"" else f"“{text[at]}”"
            raise FilterError(f"The filter has {what} at character {at + 1}, which CQL2 does not know there.")
        if found.lastgroup != "space":
            tokens.append(_Token(str(found.lastgroup), found[0], at, found.end()))
        at = found.end()
    tokens.append(_Token("end", "", len(text), len(text)))
    return tokens


class _Parser:
    """Recursive descent; every method takes what it is named for from the front."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._next
        self._at += token.kind != "end"
        return token

    def _taken(self, *wanted: str) -> bool:
        """Take these words or signs, if all of them come next."""
        ahead = self._tokens[self._at : self._at + len(wanted)]
        if [token.word or token.text for token in ahead] != list(wanted):
            return False
        self._at += len(wanted)
        return True

    def _expect(self, sign: str) -> None:
        if not self._taken(sign):
            raise self._fault(f"“{sign}” is expected")

    def _fault(self, what: str, token: _Token | None = None) -> FilterError:
        token = token or self._next
        if token.kind == "end":
            return FilterError(f"The filter ends where {what}.")
        return FilterError(f"In the filter at character {token.start + 1} (“{token.text[:40]}”): {what}.")

    def finish(self) -> None:
        if self._next.kind != "end":
            raise self._fault("AND, OR or the end is expected")

    def any_of(self) -> Condition:
        conditions = [self.all_of()]
        while self._taken("OR"):
            conditions.append(self.all_of())
        return conditions[0] if len(conditions) == 1 else Some(tuple(conditions))

    def all_of(self) -> Condition:
        conditions = [self.one()]
        while self._taken("AND"):
            conditions.append(self.one())
        return conditions[0] if len(conditions) == 1 else All(tuple(conditions))

    def one(self) -> Condition:
        self._depth += 1
        if self._depth > DEEPEST:
            raise FilterError(f"The filter is nested more than {DEEPEST} deep: write it flatter.")
        condition = self._one()
        self._depth -= 1
        return condition

    def _one(self) -> Condition:
        if self._taken("NOT"):
            return Not(self.one())
        if self._taken("("):
            inner = self.any_of()
            self._expect(")")
            return inner
        if self._next.word in SPATIAL:
            return self.spatial()
        if self._next.word in ("TRUE", "FALSE"):
            return Truth(self._take().word == "TRUE")
        return self.predicate()

    def predicate(self) -> Condition:
        left = self.operand()
        for operator in COMPARISONS:
            if self._taken(operator):
                return Comparison(operator, left, self.operand())
        if self._taken("IS", "NULL"):
            return self._null(left)
        if self._taken("IS", "NOT", "NULL"):
            return Not(self._null(left))
        negated = self._taken("NOT")
        condition: Condition
        if self._taken("LIKE"):
            condition = Like(left, self.operand())
        elif self._taken("ILIKE"):
            # Not of the standard; GDAL writes it where others write CASEI.
            condition = Like(_folded(left), _folded(self.operand()))
        elif self._taken("BETWEEN"):
            low = self.operand()
            self._expect("AND")
            condition = Between(left, low, self.operand())
        elif self._taken("IN"):
            condition = In(left, self.listed())
        else:
            raise self._fault("a comparison, LIKE, BETWEEN, IN or IS NULL is expected")
        return Not(condition) if negated else condition

    def _null(self, operand: Operand) -> IsNull:
        if not isinstance(operand, Name):
            raise FilterError("IS NULL asks for a property: name one before it.")
        return IsNull(operand)

    def listed(self) -> tuple[Operand, ...]:
        self._expect("(")
        values = [self.operand()]
        while self._taken(","):
            values.append(self.operand())
        self._expect(")")
        return tuple(values)

    def operand(self) -> Operand:
        if self._taken("CASEI", "("):
            inner = self.operand()
            if isinstance(inner, CaseFolded):
                raise FilterError("CASEI stands in a CASEI: one is enough.")
            self._expect(")")
            return CaseFolded(inner)
        for moment in ("DATE", "TIMESTAMP"):
            if self._taken(moment, "("):
                return self.moment(moment)
        token = self._take()
        if token.kind == "text":
            return Literal(_unquoted(token.text))
        if token.kind == "number":
            return self.number(token)
        if token.kind == "quoted":
            return Name(token.text[1:-1])
        if token.word in ("TRUE", "FALSE"):
            return Literal(token.word == "TRUE")
        if token.kind == "word" and token.word not in KEYWORDS:
            return Name(token.text)
        raise self._fault("a property or a value is expected", token)

    def number(self, token: _Token) -> Literal:
        value = float(token.text)
        if abs(value) == float("inf"):
            raise self._fault("the number is too big", token)
        return Literal(value)

    def moment(self, kind: str) -> Literal:
        """The rest of DATE('…') or TIMESTAMP('…')."""
        token = self._take()
        text = _unquoted(token.text) if token.kind == "text" else ""
        self._expect(")")
        try:
            if kind == "DATE":
                return Literal(date.fromisoformat(text))
            found = datetime.fromisoformat(text)
        except ValueError:
            found = None
        if found is None or found.tzinfo is None:
            example = "DATE('2026-01-31')" if kind == "DATE" else "TIMESTAMP('2026-01-31T08:00:00Z')"
            raise self._fault(f"it must be written like {example}", token)
        return Literal(found)

    def spatial(self) -> Spatial:
        function = self._take().word
        self._expect("(")
        left = self.place()
        self._expect(",")
        right = self.place()
        self._expect(")")
        return Spatial(function, left, right)

    def place(self) -> Name | BaseGeometry:
        """A property, a BBOX, or a geometry in well-known text."""
        if self._taken("BBOX", "("):
            numbers = [self._coordinate()]
            while self._taken(","):
                numbers.append(self._coordinate())
            self._expect(")")
            if len(numbers) not in (4, 6):
                raise FilterError("BBOX must have four numbers: two of each corner.")
            half = len(numbers) // 2
            return shapely.box(numbers[0], numbers[1], numbers[half], numbers[half + 1])
        if self._next.word in GEOMETRIES:
            return self.geometry()
        token = self._take()
        if token.kind == "quoted" or (token.kind == "word" and token.word not in KEYWORDS):
            return Name(token.text.strip('"'))
        raise self._fault("a property or a geometry such as POINT(114.3 30.5) is expected", token)

    def _coordinate(self) -> float:
        token = self._take()
        if token.kind != "number":
            raise self._fault("a number is expected", token)
        return float(token.text)

    def geometry(self) -> BaseGeometry:
        """Well-known text up to its last parenthesis."""
        first = self._take()
        while self._next.word in ("Z", "M", "ZM"):
            self._take()
        depth = 0
        while True:
            token = self._take()
            depth += (token.text == "(") - (token.text == ")")
            if depth == 0 or token.kind == "end" or depth > DEEPEST:
                break
        try:
            shape = shapely.force_2d(shapely.from_wkt(self._text[first.start : token.end]))
        except ShapelyError:
            shape = None
        if shape is None or shape.is_empty or not shape.is_valid:
            raise self._fault("it is no valid geometry in well-known text", first)
        return shape


def _folded(operand: Operand) -> CaseFolded:
    return operand if isinstance(operand, CaseFolded) else CaseFolded(operand)


def _unquoted(text: str) -> str:
    return re.sub(r"''|\\'", "'", text[1:-1])
