"""The sign-in page: plain HTML that works without any script."""

from html import escape
from typing import Any
from urllib.parse import urlencode

from dashboards.page_frame import asset_url, theme_css
from dashboards.wording import texts

PAGE = """<!DOCTYPE html>
<html lang="{lang}" data-theme="{theme}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{sign_in} · {product}</title>
<link rel="icon" type="image/svg+xml" href="{emblem}">
<style>{theme_css}</style>
<link rel="stylesheet" href="{stylesheet}">
</head>
<body>
<div class="contours" aria-hidden="true"></div>
<main>
<header>
<img src="{emblem}" alt="" width="56" height="56">
<p class="district">{district}</p>
<h1>{product}</h1>
<p class="lead">{lead}</p>
</header>
<form method="post">
{error}
<label for="name">{name}</label>
<input id="name" name="name" autocomplete="username" autocapitalize="none" required autofocus>
<label for="password">{password}</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button type="submit">{sign_in}</button>
{single}
{hint}
</form>
<footer>
<p>{note}</p>
<a href="{theme_link}">{other_theme}</a>
<a href="{language_link}" hreflang="{other}">{other_language}</a>
</footer>
</main>
</body>
</html>
"""


ERRORS = {
    "mismatch": "sign_in_failed",
    "locked": "sign_in_locked",
    "kiosk": "sign_in_kiosk_failed",
    "oidc": "sign_in_oidc_failed",
}


def sign_in_page(
    choices: dict[str, Any],
    error: str | None = None,
    demo_hint: bool = False,
    next_path: str = "",
    single_sign_on: bool = False,
) -> str:
    """HTML of the sign-in page; ``choices`` as for ``office_page``, ``error`` a key of ``ERRORS``.

    ``next_path`` is where the person wanted to go; it outlives a change of language.
    """
    language, theme = choices["language"], choices["theme"]
    words = texts(language)
    other_theme = "day" if theme == "night" else "night"
    failed = f'<p class="error" role="alert">{escape(words[ERRORS[error]])}</p>' if error else ""
    single = ""
    if single_sign_on:
        query = f"?{urlencode({'next': next_path})}" if next_path else ""
        single = (
            f'<a class="single" href="/sign-in/oidc{escape(query)}">{escape(words["sign_in_single"])}</a>'
        )
    hint = f'<p class="hint">{escape(words["sign_in_demo"])}</p>' if demo_hint else ""
    return PAGE.format(
        lang="zh-CN" if language == "zh" else "en",
        other="en" if language == "zh" else "zh-CN",
        language_link=escape(choices["language_link"]),
        theme=theme,
        theme_link=escape(choices["theme_links"][other_theme]),
        other_theme=escape(words[f"theme_{other_theme}_long"]),
        emblem=asset_url("emblem.svg"),
        stylesheet=asset_url("sign_in.css"),
        theme_css=theme_css(),
        error=failed,
        hint=hint,
        single=single,
        district=escape(words["district"]),
        product=escape(words["product"]),
        lead=escape(words["sign_in_lead"]),
        name=escape(words["sign_in_name"]),
        password=escape(words["sign_in_password"]),
        sign_in=escape(words["sign_in"]),
        note=escape(words["sign_in_note"]),
        other_language=escape(words["other_language"]),
    )
