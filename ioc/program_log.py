"""Where the program's log goes: one line per event on standard error, or JSON for a collector."""

import logging
import sys
from pathlib import Path

import structlog


def configure_log(*, as_json: bool, level: int = logging.INFO) -> None:
    """Send structured events to standard error, for a person or as one JSON object a line."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # Looked up at each event: standard error may have been exchanged since.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


def write_crash(file: Path, text: str) -> None:
    """Keep the detail of an unexpected error for whoever mends the program."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as stream:
        stream.write(text + "\n")
