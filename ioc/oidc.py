"""Sign-in by the district's single sign-on (OpenID Connect, code flow with PKCE)."""

import json
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import structlog
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from fastapi import APIRouter, Request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from dashboards.sign_in import sign_in_page
from geodata.audit import AuditEntry, act_as, record
from geodata.errors import UserError
from geodata.store import Store
from geodata.viewer import ROLES
from ioc.accounts import Origin, issue_credential
from ioc.page_choices import choices_of
from ioc.sign_in import local_path, origin_of, with_session

log = structlog.get_logger(__name__)

DEFAULT_CLAIMS = Path(__file__).with_name("oidc_claims.toml")
FLOW_COOKIE = "ioc_oidc"
FLOW_SECONDS = 600
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]


@dataclass(frozen=True)
class OidcProvider:
    """Where the single sign-on is and as whom this program speaks to it."""

    issuer: str
    client_id: str
    client_secret: str


@dataclass(frozen=True)
class ClaimMapping:
    """What a person's claims mean here, as declared in a file."""

    name: str
    display_name: str
    create: bool
    areas: tuple[str, ...]
    sensitivity: int
    roles_claim: str
    roles: Mapping[str, str]
    department_claim: str
    departments: Mapping[str, str]

    def roles_of(self, claims: Mapping[str, Any]) -> list[str]:
        """Roles here of a person; empty when the person has no business here."""
        stated = claims.get(self.roles_claim) or []
        values = [stated] if isinstance(stated, str) else stated
        return sorted({self.roles[value] for value in values if value in self.roles})

    def department_of(self, claims: Mapping[str, Any]) -> str | None:
        """The department's code, or None."""
        stated = claims.get(self.department_claim)
        return self.departments.get(stated, stated) if isinstance(stated, str) else None


def read_claims(path: Path | None) -> ClaimMapping:
    """The mapping of a file.

    Raises:
        UserError: the file is missing or says something that has no meaning here.
    """
    file = path or DEFAULT_CLAIMS
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        mapping = ClaimMapping(
            name=data["name"],
            display_name=data["display_name"],
            create=data["create"],
            areas=tuple(data["areas"]),
            sensitivity=data["sensitivity"],
            roles_claim=data["roles"]["claim"],
            roles=data["roles"]["values"],
            department_claim=data["department"]["claim"],
            departments=data["department"]["values"],
        )
    except OSError as error:
        raise UserError(f"Cannot read {file} ({error.strerror}); correct IOC_OIDC_CLAIMS.") from error
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise UserError(f"{file} is not a mapping of claims ({error}); compare {DEFAULT_CLAIMS}.") from error
    if unknown := set(mapping.roles.values()) - set(ROLES):
        raise UserError(f"{file} maps to the role “{min(unknown)}”; roles are {', '.join(ROLES)}.")
    return mapping


class OidcClient:
    """Speaks to the provider: where to send people, and what it says of who comes back."""

    def __init__(self, provider: OidcProvider) -> None:
        self._provider = provider

    async def begin(self, redirect_uri: str) -> tuple[str, dict[str, str]]:
        """The address to send a person to, and what must be remembered until the return."""
        flow = {"verifier": secrets.token_urlsafe(48), "nonce": secrets.token_urlsafe(16)}
        endpoints = await self._endpoints()
        async with self._client(redirect_uri) as client:
            url, state = client.create_authorization_url(
                endpoints["authorization_endpoint"], code_verifier=flow["verifier"], nonce=flow["nonce"]
            )
        return url, {**flow, "state": state}

    async def finish(self, redirect_uri: str, answer: str, flow: Mapping[str, str]) -> dict[str, Any]:
        """Claims of the person who came back with ``answer`` (the whole URL).

        Raises:
            AuthlibBaseError, JoseError, httpx2.HTTPError, ValueError, KeyError: the provider, or somebody in
                its name, did not answer as it must.
        """
        endpoints = await self._endpoints()
        async with self._client(redirect_uri) as client:
            token = await client.fetch_token(
                endpoints["token_endpoint"],
                authorization_response=answer,
                code_verifier=flow["verifier"],
                state=flow["state"],
            )
            keys = await _json(endpoints["jwks_uri"])
            claims = jwt.decode(token["id_token"], KeySet.import_key_set(keys), algorithms=ALGORITHMS).claims
            jwt.JWTClaimsRegistry(
                leeway=60,
                iss={"essential": True, "value": endpoints["issuer"]},
                aud={"essential": True, "value": self._provider.client_id},
                exp={"essential": True},
                sub={"essential": True},
                nonce={"essential": True, "value": flow["nonce"]},
            ).validate(claims)
            if "userinfo_endpoint" in endpoints:
                told = (await client.get(endpoints["userinfo_endpoint"])).raise_for_status().json()
                if told.get("sub") == claims["sub"]:
                    claims = {**told, **claims}
        return claims

    def _client(self, redirect_uri: str) -> Any:  # its base class is chosen at run time
        return AsyncOAuth2Client(
            self._provider.client_id,
            self._provider.client_secret,
            scope="openid profile",
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )

    async def _endpoints(self) -> dict[str, Any]:
        address = self._provider.issuer.rstrip("/") + "/.well-known/openid-configuration"
        return await _json(address)


async def _json(address: str) -> Any:
    async with httpx2.AsyncClient(timeout=10) as client:
        return (await client.get(address)).raise_for_status().json()


def oidc_router(
    store: Store, provider: OidcProvider, mapping: ClaimMapping, lifetime: timedelta
) -> APIRouter:
    """Routes ``/sign-in/oidc`` and its callback."""
    router = APIRouter(include_in_schema=False)
    client = OidcClient(provider)

    def refused(request: Request, reason: str, status: int = 401) -> Response:
        log.warning("single sign-on failed", reason=reason)
        with store.app_connection() as connection:
            detail = {"by": "oidc", "reason": reason[:200]}
            record(
                connection, AuditEntry("sign_in_failed", address=origin_of(request).address, detail=detail)
            )
        return HTMLResponse(sign_in_page(choices_of(request), "oidc", single_sign_on=True), status)

    @router.get("/sign-in/oidc")
    async def begin(request: Request) -> Response:
        try:
            url, flow = await client.begin(_callback(request))
        except (httpx2.HTTPError, ValueError, KeyError) as error:
            return await run_in_threadpool(refused, request, repr(error), 502)
        flow["next"] = local_path(request.query_params.get("next", ""))
        response = RedirectResponse(url, 303)
        response.set_cookie(
            FLOW_COOKIE,
            json.dumps(flow),
            max_age=FLOW_SECONDS,
            path="/sign-in/oidc",
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return response

    @router.get("/sign-in/oidc/callback")
    async def callback(request: Request) -> Response:
        try:
            flow = json.loads(request.cookies.get(FLOW_COOKIE, "{}"))
            answer = f"{_callback(request)}?{request.url.query}"
            claims = await client.finish(_callback(request), answer, flow)
        except (AuthlibBaseError, JoseError, httpx2.HTTPError, ValueError, KeyError) as error:
            return await run_in_threadpool(refused, request, repr(error))
        secret = await run_in_threadpool(
            _session, store, provider, mapping, claims, lifetime, origin_of(request)
        )
        if secret is None:
            return await run_in_threadpool(refused, request, f"no account for {claims['sub']}")
        response = RedirectResponse(local_path(flow.get("next", "")), 303)
        response.delete_cookie(FLOW_COOKIE, path="/sign-in/oidc")
        return with_session(response, request, secret, lifetime)

    return router


def _callback(request: Request) -> str:
    return str(request.url_for("callback"))


def _session(
    store: Store,
    provider: OidcProvider,
    mapping: ClaimMapping,
    claims: Mapping[str, Any],
    lifetime: timedelta,
    origin: Origin,
) -> str | None:
    """A session for the person of the claims; None when there is no account and none is to be made."""
    roles, name = mapping.roles_of(claims), str(claims.get(mapping.name) or claims["sub"])
    if not roles:
        return None
    with store.app_connection() as connection:
        act_as(connection, "single sign-on", origin.address)
        department = connection.execute(
            "SELECT code FROM ioc.department WHERE code = %s", [mapping.department_of(claims)]
        ).fetchone()
        row = connection.execute(
            "SELECT ioc.account_of_subject(%s, %s, %s, %s, %s, %s, %s, %s)",
            [
                f"{provider.issuer}#{claims['sub']}",
                name,
                str(claims.get(mapping.display_name) or name),
                roles,
                department[0] if department else None,
                list(mapping.areas),
                mapping.sensitivity,
                mapping.create,
            ],
        ).fetchone()
        if row is None or row[0] is None:
            return None
        record(connection, AuditEntry("sign_in", row[0], name, origin.address, detail={"by": "oidc"}))
        return issue_credential(connection, row[0], "session", lifetime, origin=origin)
