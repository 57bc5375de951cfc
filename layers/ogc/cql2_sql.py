"""SQL of a CQL2 filter: declared properties by name, everything else as parameters."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import shapely
from psycopg import sql
from shapely.geometry.base import BaseGeometry

from layers.box import in_box
from layers.layer import Layer
from layers.ogc.cql2 import (
    SPATIAL,
    All,
    Between,
    CaseFolded,
    Comparison,
    Condition,
    FilterError,
    In,
    IsNull,
    Like,
    Literal,
    Name,
    Not,
    Operand,
    Some,
    Spatial,
    Truth,
)
from layers.ogc.queryable import GEOMETRY, Kind, Queryable, article
from layers.ogc.reference_system import STORED_SRID, ReferenceSystem, mercator_bounds

_MIRRORED = {"S_WITHIN": "S_CONTAINS", "S_CONTAINS": "S_WITHIN"}
_OPERATORS = {
    "=": sql.SQL("{} = {}"),
    "<>": sql.SQL("{} <> {}"),
    "<": sql.SQL("{} < {}"),
    "<=": sql.SQL("{} <= {}"),
    ">": sql.SQL("{} > {}"),
    ">=": sql.SQL("{} >= {}"),
}
_VALUE_KINDS: Mapping[type, str] = {str: "a text", float: "a number", bool: "true or false", date: "a date"}


class Conditions:
    """Conditions of one request and their parameters, which are named ``p0``, ``p1`` …"""

    def __init__(self, properties: Mapping[str, Queryable]) -> None:
        self._properties = properties
        self.parameters: dict[str, Any] = {}

    def parameter(self, value: Any, cast: sql.SQL) -> sql.Composed:
        """A placeholder of its own for a value."""
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return sql.SQL("{}::{}").format(sql.Placeholder(name), cast)

    def equal(self, queryable: Queryable, text: str) -> sql.Composed:
        """A property is what a query parameter says; a list holds it."""
        cast = sql.SQL("text") if queryable.kind == "texts" else queryable.cast()
        value = self.parameter(queryable.read(text), cast)
        if queryable.kind == "texts":
            return sql.SQL("{} = ANY ({})").format(value, queryable.value())
        return sql.SQL("{} = {}").format(queryable.value(), value)

    def intersects(self, area: BaseGeometry, layer: Layer) -> sql.Composed:
        """The feature of the layer meets an area in CGCS2000 degrees."""
        exact = self._spatial("ST_Intersects", area)
        return sql.SQL("{} AND {}").format(in_box(layer, self._box(area)), exact)

    def of(self, condition: Condition, system: ReferenceSystem) -> sql.Composable:
        """SQL of a condition, its geometries given in ``system``.

        Raises:
            FilterError: it compares what cannot be compared.
        """
        match condition:
            case All(parts):
                return sql.SQL("({})").format(sql.SQL(" AND ").join(self.of(one, system) for one in parts))
            case Some(parts):
                return sql.SQL("({})").format(sql.SQL(" OR ").join(self.of(one, system) for one in parts))
            case Not(inner):
                return sql.SQL("NOT ({})").format(self.of(inner, system))
            case Truth(value):
                return sql.SQL("TRUE" if value else "FALSE")
            case IsNull(name):
                return sql.SQL("{} IS NULL").format(self._place_or_value(name))
            case Comparison(operator, left, right):
                a, b = self._alike([left, right])
                return _OPERATORS[operator].format(a, b)
            case Between(operand, low, high):
                return sql.SQL("{} BETWEEN {} AND {}").format(*self._alike([operand, low, high]))
            case In(operand, values):
                first, *others = self._alike([operand, *values])
                return sql.SQL("{} IN ({})").format(first, sql.SQL(", ").join(others))
            case Like(operand, pattern):
                return self._like(operand, pattern)
            case Spatial():
                return self._spatial_function(condition, system)

    def _queryable(self, name: Name) -> Queryable:
        found = self._properties.get(name.text)
        if found is None:
            raise FilterError(
                f"The filter names “{name.text[:60]}”, which is no property of these features: "
                f"see their queryables."
            )
        return found

    def _place_or_value(self, name: Name) -> sql.Composable:
        return sql.Identifier("geom") if name.text == GEOMETRY else self._queryable(name).value()

    def _like(self, operand: Operand, pattern: Operand) -> sql.Composed:
        literal = pattern.of if isinstance(pattern, CaseFolded) else pattern
        if not isinstance(literal, Literal) or not isinstance(literal.value, str):
            raise FilterError("LIKE needs a text in single quotes after it.")
        escapes = len(literal.value) - len(literal.value.rstrip("\\"))
        if escapes % 2:
            raise FilterError("The pattern after LIKE ends with a single \\: double it or leave it out.")
        a, b = self._alike([operand, pattern], only="text")
        return sql.SQL("{} LIKE {}").format(a, b)

    def _alike(self, operands: list[Operand], only: Kind | None = None) -> list[sql.Composable]:
        """SQL of operands that are compared with each other, all of the kind of the property among them."""
        names = [operand.of if isinstance(operand, CaseFolded) else operand for operand in operands]
        properties = [self._queryable(name) for name in names if isinstance(name, Name)]
        if not properties:
            raise FilterError("The filter compares values with each other: one side must be a property.")
        kinds = {"number" if one.kind == "integer" else one.kind for one in properties}
        first = properties[0]
        if len(kinds) > 1 or first.kind == "texts" or (only and first.kind != only):
            raise FilterError(
                f"The filter compares {', '.join(one.field.name for one in properties)}, "
                f"{article(first.kind)}, with what is not of its kind."
            )
        instants = any(isinstance(one, Literal) and isinstance(one.value, datetime) for one in names)
        return [self._operand(operand, first, instants) for operand in operands]

    def _operand(self, operand: Operand, alike: Queryable, instants: bool) -> sql.Composable:
        match operand:
            case CaseFolded(inner):
                if alike.kind != "text":
                    raise FilterError(f"CASEI takes a text, and {alike.field.name} is {article(alike.kind)}.")
                return sql.SQL("lower({})").format(self._operand(inner, alike, instants))
            case Name():
                value = self._queryable(operand).value()
                # A day begins at midnight of the district's clocks.
                midnight = sql.SQL("({}::timestamp AT TIME ZONE 'Asia/Shanghai')")
                return midnight.format(value) if instants else value
            case Literal(value):
                return self._literal(value, alike, instants)

    def _literal(self, value: Any, alike: Queryable, instants: bool) -> sql.Composed:
        if alike.kind == "date":
            if isinstance(value, datetime):
                return self.parameter(value, sql.SQL("timestamptz"))
            if isinstance(value, str):
                value = alike.read(value)
            if isinstance(value, date):
                midnight = sql.SQL("({}::timestamp AT TIME ZONE 'Asia/Shanghai')")
                day = self.parameter(value, alike.cast())
                return midnight.format(day) if instants else day
        elif type(value) is (str if alike.kind == "text" else float):
            return self.parameter(value, alike.cast())
        raise FilterError(
            f"The filter compares {alike.field.name}, {article(alike.kind)}, "
            f"with {_VALUE_KINDS.get(type(value), 'a time')}."
        )

    def _spatial_function(self, condition: Spatial, system: ReferenceSystem) -> sql.Composed:
        function, name, shape = condition.function, condition.left, condition.right
        if isinstance(shape, Name):
            name, shape = shape, name
            function = _MIRRORED.get(function, function)
        if isinstance(shape, Name) or not isinstance(name, Name) or name.text != GEOMETRY:
            raise FilterError(
                f"{condition.function} takes the property {GEOMETRY} and a geometry, as POINT(114.3 30.5)."
            )
        several = shape.geom_type == "GeometryCollection"
        if several and function not in ("S_INTERSECTS", "S_DISJOINT"):
            raise FilterError(f"{condition.function} takes no GEOMETRYCOLLECTION: give one geometry.")
        return self._spatial(SPATIAL[function], system.to_stored(shape))

    def _spatial(self, function: str, shape: BaseGeometry) -> sql.Composed:
        """PostGIS's function of the feature's place and a geometry in CGCS2000 degrees."""
        binary = shapely.to_wkb(shapely.set_srid(shape, STORED_SRID), include_srid=True)
        given = self.parameter(binary, sql.SQL("geometry"))
        exact = sql.SQL("{}(geom, {})").format(sql.Identifier(function.lower()), given)
        if function == "ST_Disjoint":
            return exact
        return sql.SQL("(geom_3857 && {} AND {})").format(self._box(shape), exact)

    def _box(self, shape: BaseGeometry) -> sql.Composed:
        """The box of a geometry in EPSG:3857, in which the index is."""
        edges = [self.parameter(edge, sql.SQL("float8")) for edge in mercator_bounds(shape)]
        return sql.SQL("ST_MakeEnvelope({}, {}, {}, {}, 3857)").format(*edges)
