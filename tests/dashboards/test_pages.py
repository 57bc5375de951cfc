import json
import re
from pathlib import Path

import pytest

from dashboards import MapSettings, sign_in_page
from dashboards.page_frame import ASSETS, SCRIPTS, STYLESHEETS, page_frame
from dashboards.wording import LANGUAGES, texts


def test_both_languages_have_the_same_keys_and_placeholders() -> None:
    zh, en = (texts(language) for language in LANGUAGES)
    assert zh.keys() == en.keys()
    for key in zh:
        assert set(re.findall(r"\{(\w+)\}", zh[key])) == set(re.findall(r"\{(\w+)\}", en[key])), key


@pytest.mark.parametrize("script", [name for name in SCRIPTS if not name.startswith("vendor/")])
def test_every_text_that_a_script_asks_for_exists(script: str) -> None:
    asked = re.findall(r"""ioc\.text\(["'](\w+)["']""", (ASSETS / script).read_text("utf-8"))
    assert set(asked) <= texts("zh").keys()


def test_every_own_asset_of_the_frame_exists() -> None:
    own = [name for name in (*SCRIPTS, *STYLESHEETS) if not name.startswith("vendor/")]
    assert all((ASSETS / name).is_file() for name in own)


def test_nothing_is_fetched_from_another_host() -> None:
    own = [path for path in ASSETS.glob("*.*") if path.is_file()]
    for path in own:
        text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://", text), path.name


def test_frame_carries_page_data_that_cannot_end_its_script() -> None:
    frame = page_frame(MapSettings(district_zh="</script>{%scripts%}").as_page_data())
    data = re.search(r'id="ioc-page">(.*?)</script>', frame, re.DOTALL)
    assert data is not None
    page = json.loads(data[1])
    assert page["settings"]["district_zh"] == "</script>{%scripts%}"
    assert frame.count("{%scripts%}") == 1
    assert set(page["base_map"]) == {"night", "day", "print"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_sign_in_page_needs_no_script(language: str) -> None:
    choices = {
        "language": language,
        "theme": "day",
        "language_link": "/sign-in?lang=en",
        "theme_links": {"night": "/sign-in?theme=night"},
    }
    page = sign_in_page(choices, error="mismatch", demo_hint=True)
    assert "<script" not in page
    assert texts(language)["sign_in_failed"] in page
    assert texts(language)["sign_in_demo"] in page
    assert 'role="alert"' not in sign_in_page(choices)
    assert 'data-theme="day"' in page
    assert 'href="/sign-in?theme=night"' in page


def test_vendor_libraries_are_locked() -> None:
    lock = json.loads((Path(ASSETS).parent / "browser" / "package-lock.json").read_text("utf-8"))
    packages = lock["packages"]
    assert packages["node_modules/maplibre-gl"]["version"].startswith("5.")
    assert all("resolved" not in package for package in packages.values())
