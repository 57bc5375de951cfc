"""Why a report or a step of a case is not taken: what the store's functions refuse, in words."""

from typing import Any

from psycopg import Connection, Error

from geodata.case_deadline import MOST_EXTENSIONS
from geodata.errors import UserError

MISSING = {
    "reason": "Say why: this step needs an opinion.",
    "condition": "Choose the filing condition: it sets the limit for handling.",
    "department": "Choose the department that is to handle the case.",
    "deadline": "The case has no limit yet: file it with a condition first.",
    "until": "Say until when: a day within a year from now.",
    "place": "Say where it is: point at the place on the map.",
}
FORBIDDEN = {
    "suspended_once": "A case is suspended only once: close it or let it run.",
    "extended_twice": f"A case is extended at most {MOST_EXTENSIONS} times.",
    "overdue": "An overdue case is neither extended nor deferred any more.",
    "deferred_once": "A case is deferred only once.",
    "not_asked": "Nobody has asked for that, or it has been decided.",
    "located_once": "The case has its place already.",
    "outside": "That place lies outside the district.",
    "appealed_once": "An overdue mark is appealed against only once.",
    "not_overdue": "The case was not overdue: there is nothing to appeal against.",
    "second_reviewer": "An appeal is decided by another person than the one who reviewed it first.",
    "photos": "A step holds at most nine photographs.",
}
FAULTS = {
    "IOC01": ("changed", "A colleague has moved this case on since you opened it: look at it again."),
    "IOC04": ("state", "The case is in a state in which this is not possible: look at it again."),
    "42501": ("right", "Your account has no right to this: ask the administrator for the post."),
}


class CaseRefusedError(UserError):
    """A report or step that cannot be taken; ``fault`` names why, for the page's own words."""

    def __init__(self, fault: str, message: str) -> None:
        super().__init__(message)
        self.fault = fault


def asked(connection: Connection[Any], statement: Any, parameters: list[Any]) -> tuple[Any, ...]:
    """The one row of a function of the store that writes; its refusals in words.

    Raises:
        CaseRefusedError: the store refuses.
    """
    try:
        with connection.transaction():
            row = connection.execute(statement, parameters).fetchone()
    except Error as error:
        raise _refusal(error) from error
    assert row is not None, "a function gives a row"
    return row


def _refusal(error: Error) -> Exception:
    name = error.diag.message_primary or ""
    if error.sqlstate == "IOC08":
        return CaseRefusedError(name, MISSING[name])
    if error.sqlstate == "IOC09":
        return CaseRefusedError(name, FORBIDDEN[name])
    return CaseRefusedError(*FAULTS[error.sqlstate]) if error.sqlstate in FAULTS else error
