"""The container files fit the program, as far as can be told without a container engine."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from ioc.cli import app
from ioc.settings import setting_rows

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
SERVICES = {"postgis", "migrate", "web", "worker", "broker", "feeds", "proxy"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((DOCKER / "compose.yaml").read_text())


def variables(text: str) -> set[str]:
    return set(re.findall(r"\$\{([A-Z0-9_]+)", text))


def test_every_service_is_there_and_watched(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == SERVICES
    for name, service in compose["services"].items():
        own_image = service["image"].startswith("ioc:")
        assert own_image or service["healthcheck"]["test"], name
        assert service["logging"]["options"]["max-size"], name
    assert "HEALTHCHECK" in (DOCKER / "Dockerfile").read_text()


def test_services_wait_for_what_they_need(compose: dict[str, Any]) -> None:
    waits = {name: service.get("depends_on", {}) for name, service in compose["services"].items()}
    assert waits["migrate"] == {"postgis": {"condition": "service_healthy"}}
    for name in ("web", "worker", "feeds"):
        assert waits[name]["migrate"] == {"condition": "service_completed_successfully"}
    assert {name for waited in waits.values() for name in waited} <= SERVICES


def test_volumes_and_networks_are_declared(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert set(service["networks"]) <= set(compose["networks"]), name
        for volume in service.get("volumes", []):
            source = re.sub(r"\$\{\w+:-(\w+)\}", r"\1", volume).split(":")[0]
            assert (DOCKER / source).is_file() if source.startswith("./") else source in compose["volumes"]


def test_only_proxy_and_the_doors_for_devices_can_be_reached_from_outside(compose: dict[str, Any]) -> None:
    assert {name for name, service in compose["services"].items() if service.get("ports")} == {
        "broker",
        "feeds",
        "proxy",
    }
    assert compose["networks"]["store"] == {"internal": True}


def test_what_listens_outside_never_holds_the_owner_password(compose: dict[str, Any]) -> None:
    for name in ("web", "feeds"):
        service = json.dumps(compose["services"][name])
        assert "OWNER" not in service
        assert "ioc_app:${APP_PASSWORD" in service


def test_secrets_come_from_the_environment_and_have_no_default(compose: dict[str, Any]) -> None:
    text = (DOCKER / "compose.yaml").read_text()
    for name in ("OWNER_PASSWORD", "APP_PASSWORD", "BROKER_PASSWORD"):
        assert set(re.findall(rf"\${{{name}(:.)", text)) == {":?"}
        assert re.search(rf"^{name}=$", (DOCKER / ".env.example").read_text(), re.MULTILINE)
    assert "docker/.env" in (ROOT / ".gitignore").read_text().splitlines()
    assert compose["services"]["postgis"]["environment"]["POSTGRES_USER"] == "ioc_owner"


def test_every_variable_that_must_be_set_is_in_the_example() -> None:
    offered = set(re.findall(r"^#?([A-Z0-9_]+)=", (DOCKER / ".env.example").read_text(), re.MULTILINE))
    with_defaults = {"VERSION", "PIP_INDEX_URL", "NPM_CONFIG_REGISTRY"}
    assert variables((DOCKER / "compose.yaml").read_text()) - with_defaults == offered


def test_every_ioc_variable_is_a_setting(compose: dict[str, Any]) -> None:
    known = {row.name for row in setting_rows()}
    for service in compose["services"].values():
        used = {name for name in service.get("environment", {}) if name.startswith("IOC_")}
        assert used <= known
    for file in ("Dockerfile", ".env.example", "README.md", "compose.yaml"):
        assert set(re.findall(r"\bIOC_[A-Z_]+\b", (DOCKER / file).read_text())) <= known


def test_every_command_exists(compose: dict[str, Any]) -> None:
    commands = [service["command"] for service in compose["services"].values() if "command" in service]
    commands += [
        service["healthcheck"]["test"][1:]
        for service in compose["services"].values()
        if "healthcheck" in service and "test" in service["healthcheck"]
    ]
    commands += json.loads(
        "[" + ",".join(re.findall(r"^CMD (\[.*\])$", (DOCKER / "Dockerfile").read_text(), re.MULTILINE)) + "]"
    )
    ours = [command[1:] for command in commands if command[0] == "ioc"]
    assert len(ours) == 5
    for words in ours:
        names = [word for word in words if word.isalpha()]
        assert CliRunner().invoke(app, [*names, "--help"]).exit_code == 0, words


def test_what_the_image_copies_is_in_the_repository() -> None:
    text = (DOCKER / "Dockerfile").read_text()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for words in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE):
        for source in words.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert f"!{source.split('/')[0]}" in ignored, source


def test_the_image_has_the_packages_of_the_program() -> None:
    copied = set(re.findall(r"^COPY (\w+) \w+$", (DOCKER / "Dockerfile").read_text(), re.MULTILINE))
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert packages <= copied


def test_client_and_server_are_of_one_version(compose: dict[str, Any]) -> None:
    server = re.match(r"postgis/postgis:(\d+)-", compose["services"]["postgis"]["image"])
    client = re.search(r"postgresql-client-(\d+)", (DOCKER / "Dockerfile").read_text())
    assert server is not None
    assert client is not None
    assert server.group(1) == client.group(1)


def test_the_image_does_not_run_as_root() -> None:
    lines = (DOCKER / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("USER")] == ["USER ioc"]


@pytest.mark.parametrize(
    "script", ["docker/create_app_role.sh", "docker/start_broker.sh", "setup.sh", ".ci/run"]
)
def test_scripts_are_sound_shell(script: str) -> None:
    shell = "bash" if script == ".ci/run" else "sh"
    done = subprocess.run([shell, "-n", ROOT / script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (ROOT / script).stat().st_mode & 0o111
