"""Understanding a file before it is loaded: encoding, frame, fields, target, and a job that would load it."""

from etl.inspect.inspection import Inspection, LayerInspection, Told, drawn_lines, drawn_places, inspect_file
from etl.inspect.knowledge import Knowledge
from etl.inspect.proposal import job_code

__all__ = [
    "Inspection",
    "Knowledge",
    "LayerInspection",
    "Told",
    "drawn_lines",
    "drawn_places",
    "inspect_file",
    "job_code",
]
