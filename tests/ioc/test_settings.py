"""Settings come from the environment, each is documented, and a wrong one is named."""

from pathlib import Path

import pytest

from geodata.errors import UserError
from ioc.settings import SettingRow, read_settings, setting_rows

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
@pytest.mark.parametrize("row", setting_rows(), ids=lambda row: row.name)
def test_every_setting_is_in_the_readme(row: SettingRow, readme: str) -> None:
    default = f"`{row.default}`" if row.default else ""
    assert f"| `{row.name}` | {default} | {row.description} |" in (ROOT / readme).read_text()


def test_defaults_mean_the_embedded_postgis(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for row in setting_rows():
        monkeypatch.delenv(row.name, raising=False)
    settings = read_settings()
    assert settings.database_url is settings.owner_url is None
    assert settings.postgis_folder == tmp_path / ".ioc" / "postgis"


def test_a_file_and_the_environment_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("IOC_PORT=9000\nIOC_SESSION_HOURS=1.5\nOTHER=1\n")
    monkeypatch.setenv("IOC_PORT", "9001")
    monkeypatch.setenv("IOC_DATABASE_URL", "postgresql://ioc_app@db/ioc")
    settings = read_settings()
    assert (settings.port, settings.session_hours) == (9001, 1.5)
    assert settings.owner_url == "postgresql://ioc_app@db/ioc"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("IOC_PORT", "eighty"),
        ("IOC_PORT", "70000"),
        ("IOC_DISTRICT_CODE", "4201"),
        ("IOC_DISTRICT_PROJECTION", "Wuhan"),
        ("IOC_SESSION_HOURS", "0"),
        ("IOC_EMBED_ORIGINS", "https://portal.example; script-src"),
    ],
)
def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(UserError, match=rf"The setting {name} is '{text}', which does not fit .*correct it"):
        read_settings()
