"""What happens now, on its way to browsers: the hub of events, their stream, the state it goes on from."""

from layers.live.http import live_router
from layers.live.hub import LiveHub
from layers.live.snapshot import Topics

__all__ = ["LiveHub", "Topics", "live_router"]
