"""Arrow's compute functions by name: they are made at run time, where a type checker cannot see them."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


def arrow_call(function: str, *arguments: Any, options: Any = None) -> Any:
    """The result of a compute function such as ``binary_length``."""
    return pc.call_function(function, list(arguments), options)


def join_texts(*columns: Any, separator: str = "") -> pa.Array:
    """Texts of several columns joined row by row; null where one is null."""
    return arrow_call("binary_join_element_wise", *columns, pa.scalar(separator, pa.large_string()))
