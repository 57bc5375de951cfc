"""Language and theme of the pages made on the server: chosen by a link, kept in cookies the map shares."""

from typing import Any

from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import Response

KEPT_SECONDS = 31_536_000
LANGUAGE_COOKIE, THEME_COOKIE = "ioc_lang", "ioc_theme"


def language_of(request: Request) -> str:
    """The interface language: zh, or en if it was chosen."""
    chosen = request.query_params.get("lang") or request.cookies.get(LANGUAGE_COOKIE)
    return "en" if chosen == "en" else "zh"


def theme_of(request: Request) -> str:
    """The theme: night, or day if that or the map for print was chosen."""
    chosen = request.query_params.get("theme") or request.cookies.get(THEME_COOKIE)
    return "day" if chosen in ("day", "print") else "night"


def choices_of(request: Request) -> dict[str, Any]:
    """What ``office_page`` wants to know: language, theme, and the links that change them.

    The links lead to this page as it is now, filters included; after a form was sent, to the page it is on.
    """
    language, theme = language_of(request), theme_of(request)
    shown = request.url if request.method == "GET" else URL(request.headers.get("referer", "/account"))
    shown = shown.remove_query_params(["lang", "theme"])

    def link(**choice: str) -> str:
        chosen = shown.include_query_params(**choice)
        # Two slashes at the start would name another host.
        return f"/{chosen.path.lstrip('/')}?{chosen.query}"

    return {
        "language": language,
        "theme": theme,
        "language_link": link(lang="en" if language == "zh" else "zh"),
        "theme_links": {one: link(theme=one) for one in ("night", "day")},
    }


def keep_choices(request: Request, response: Response) -> Response:
    """The response, which remembers what the request has chosen by ``?lang=`` and ``?theme=``."""
    if "lang" in request.query_params:
        response.set_cookie(LANGUAGE_COOKIE, language_of(request), max_age=KEPT_SECONDS, samesite="lax")
    if "theme" in request.query_params:
        response.set_cookie(THEME_COOKIE, theme_of(request), max_age=KEPT_SECONDS, samesite="lax")
    return response
