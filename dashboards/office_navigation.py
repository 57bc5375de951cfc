"""The office pages and who has use for each: one list for their header and for the map's user menu."""

from dataclasses import dataclass

from geodata.viewer import Viewer


@dataclass(frozen=True)
class OfficePage:
    """A page: the text ``page_KEY`` names it; ``roles`` have use for it, everybody where there are none."""

    key: str
    path: str
    roles: frozenset[str] = frozenset()


PAGES = (
    OfficePage("cases", "/cases"),
    OfficePage("alarms", "/alarms"),
    OfficePage("catalogue", "/catalogue"),
    OfficePage("hand_in", "/hand-in", frozenset({"steward", "admin"})),
    OfficePage("devices", "/devices", frozenset({"steward", "admin"})),
    OfficePage("review", "/review", frozenset({"staff", "steward", "admin"})),
    OfficePage("admin", "/admin", frozenset({"admin"})),
)


def pages_of(viewer: Viewer) -> list[OfficePage]:
    """The pages to lead a viewer to. What they may do there is the store's to say, not this list's."""
    return [page for page in PAGES if not page.roles or page.roles & viewer.roles]
