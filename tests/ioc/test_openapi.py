"""Whatever the OpenAPI document lets a client send, the server answers; and as the document says."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from geodata.store import Store
from ioc.accounts import issue_credential
from ioc.demo_accounts import ensure_demo_accounts
from ioc.settings import Settings
from ioc.web import create_app

EXAMPLES = 8
SECONDS_PER_REQUEST = 30
KNOWN_IDS = {"collectionId": "component", "layer": "component", "layers": "component,street"}
"""Of path parameters: what is made up finds nothing, and little code is reached behind that."""
SLOW_OR_FILTERED = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)
REACHED = ("/features/collections/{collectionId}/items", "/features/collections", "/layers")
CONFORMANCE = [status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture
def address(demo_store: Store, tmp_path: Path) -> Iterator[str]:
    """A server of the test's own, since every route is called, those that change accounts included."""
    ensure_demo_accounts(demo_store, tmp_path / "accounts.json")
    chosen = Settings.model_validate({"data_dir": tmp_path, "requests_per_second": 0})
    app = create_app(chosen, Store(demo_store.app_url, demo_store.owner_url))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical"))
    started = threading.Event()
    startup = server.startup

    async def announce(*arguments: Any, **named: Any) -> None:
        await startup(*arguments, **named)
        started.set()

    server.startup = announce
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert started.wait(60)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(30)


def administrator(store: Store) -> dict[str, str]:
    """The header of a new token: a call before may have ended the last one."""
    with store.owner_connection() as connection:
        row = connection.execute("SELECT id FROM ioc.account WHERE name = 'admin'").fetchone()
        assert row is not None
        token = issue_credential(connection, row[0], "token", timedelta(hours=1))
    return {"Authorization": f"Bearer {token}"}


def test_no_route_fails_whatever_the_document_allows(address: str, demo_store: Store) -> None:
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json", headers=administrator(demo_store))
    operations: list[Any] = [result.ok() for result in list[Any](schema.get_all_operations())]
    assert {"/features/collections/{collectionId}/items", "/search"} <= {one.path for one in operations}
    for operation in operations:
        statuses = call(operation, GenerationMode.POSITIVE, demo_store)
        # Of some operations there is nothing that could be sent wrongly.
        with suppress(Unsatisfiable):
            call(operation, GenerationMode.NEGATIVE, demo_store)
        assert 200 in statuses or operation.path not in REACHED, operation.path


def call(operation: Any, mode: GenerationMode, store: Store) -> set[int]:
    """The statuses of some requests of an operation; the documented ones of the OGC API are held to it."""
    headers = administrator(store)
    ours = operation.path.startswith("/features/collections") or operation.path.endswith("tilejson.json")
    known = {name.name: KNOWN_IDS[name.name] for name in operation.path_parameters if name.name in KNOWN_IDS}
    statuses = set()

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=SLOW_OR_FILTERED,
    )
    @given(case=operation.as_strategy(mode))
    def run(case: Any) -> None:
        if known:
            case.path_parameters.update(known)
        response = case.call(headers=headers, timeout=SECONDS_PER_REQUEST)
        statuses.add(response.status_code)
        checks = [not_a_server_error, *(CONFORMANCE if ours else [])]
        case.validate_response(response, checks=checks)

    run()
    return statuses
