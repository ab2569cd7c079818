"""The whole gateway in front of services: who passes, what people see, and the merged document through outages."""

import base64
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey
from openapi_spec_validator import validate

from gateway import documents
from gateway.app import Gateway, create_gateway
from gateway.capabilities import CAPABILITIES
from services.identity import LocalKeys, Role
from services.settings import Settings, load_settings
from tests.gateway.servers import serving

pytestmark = pytest.mark.anyio

NAMES = [capability.name for capability in CAPABILITIES]


def toy(name: str) -> FastAPI:
    app = FastAPI(title=name)

    @app.get("/v1/things", tags=["Things"])
    async def things() -> dict[str, str]:
        return {"service": name}

    @app.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/metrics")
    async def metrics() -> str:
        return "secret"

    return app


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(itaas_data_dir=tmp_path)


async def client_of(gateway: Gateway, stack: AsyncExitStack) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=gateway)
    return await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://gateway"))


@pytest.fixture
async def client(settings: Settings, stack: AsyncExitStack) -> httpx.AsyncClient:
    """Of a gateway with four services of this process, and no token."""
    gateway = create_gateway({name: toy(name) for name in NAMES}, settings=settings)
    await stack.enter_async_context(gateway.lifespan())
    return await client_of(gateway, stack)


def token(settings: Settings, **options: Any) -> str:
    keys = LocalKeys(settings.itaas_data_dir / "keys", create=True)
    return keys.issue(roles=[Role.CONSUMER], **options)


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


class TestAdmission:
    async def test_a_good_token_passes_and_goes_on_to_the_service(
        self, client: httpx.AsyncClient, settings: Settings
    ) -> None:
        for name in NAMES:
            response = await client.get(f"/{name}/v1/things", headers=bearer(token(settings)))
            assert (response.status_code, response.json()) == (200, {"service": name})

    @pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic eDp5", "Token abc"])
    async def test_without_a_bearer_token_nobody_passes(self, client: httpx.AsyncClient, value: str) -> None:
        for headers in ({}, {"Authorization": value}):
            response = await client.get("/pricing/v1/things", headers=headers)
            assert response.status_code == 401
            assert response.headers["www-authenticate"].startswith("Bearer")
            assert response.headers["content-type"] == "application/problem+json"
            assert response.json()["type"] == "urn:itaas:problem:token-missing"
            assert response.json()["trace_id"] == response.headers["x-request-id"]

    async def test_tokens_that_are_not_good_are_refused(self, client: httpx.AsyncClient, settings: Settings) -> None:
        good = token(settings)
        head, claims, signature = good.split(".")
        now = int(time.time())
        whole = {"iss": "urn:itaas:local", "aud": "itaas", "sub": "x", "person_id": "x", "roles": ["admin"]}
        whole |= {"iat": now, "exp": now + 60}
        stranger = OKPKey.generate_key("Ed25519")
        none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
        key_file = json.loads((settings.itaas_data_dir / "keys" / "signing-key.json").read_text())
        hmac_key = OctKey.import_key(key_file["x"])
        bad = {
            "nonsense": "nonsense",
            "three dots": "a.b.c",
            "changed": f"{head}.{claims[:-2]}AA.{signature}",
            "unsigned": f"{head}.{claims}.",
            "alg none": f"{none}.{claims}.",
            "foreign key": jwt.encode({"alg": "Ed25519"}, whole, stranger, algorithms=["Ed25519"]),
            "public key as HMAC secret": jwt.encode({"alg": "HS256"}, whole, hmac_key),
            "expired": token(settings, seconds=-3600),
            "other audience": token(settings, audience="elsewhere"),
            "not ASCII": "é",
        }
        for name, text in bad.items():
            for path in ("/pricing/v1/things", "/events/v1/events"):
                response = await client.get(path, headers={"Authorization": f"Bearer {text}".encode()})
                assert response.status_code == 401, (name, path, response.text)
                assert response.headers["www-authenticate"].startswith("Bearer"), name
                assert response.json()["status"] == 401

    async def test_identity_headers_open_nothing(self, client: httpx.AsyncClient) -> None:
        lies = {"X-User": "admin", "X-Forwarded-User": "admin", "X-Roles": "admin", "X-Actor-Id": "1", "Cookie": "a=b"}
        assert (await client.get("/pricing/v1/things", headers=lies)).status_code == 401

    async def test_health_and_documents_of_a_service_need_no_token_and_its_metrics_are_not_there(
        self, client: httpx.AsyncClient, settings: Settings
    ) -> None:
        assert (await client.get("/pricing/health/live")).json() == {"status": "ok"}
        assert (await client.get("/pricing/openapi.json")).status_code == 200
        response = await client.get("/pricing/metrics", headers=bearer(token(settings)))
        assert response.status_code == 404
        assert "secret" not in response.text

    async def test_an_unknown_prefix_is_a_problem(self, client: httpx.AsyncClient) -> None:
        for path in ("/nope", "/nope/v1/x", "/catalogue/v1/things"):
            response = await client.get(path)
            assert response.status_code == 404
            assert response.headers["content-type"] == "application/problem+json"

    async def test_a_path_with_two_meanings_is_refused_on_the_gateways_own_routes_too(
        self, client: httpx.AsyncClient
    ) -> None:
        response = await client.get("/docs/assets/%2e%2e%2fapp.py")
        assert response.status_code == 400
        assert response.json()["type"] == "urn:itaas:problem:path-refused"


class TestPages:
    async def test_the_portal_names_the_capabilities_and_how_to_get_a_token(self, client: httpx.AsyncClient) -> None:
        response = await client.get("/")
        assert response.status_code == 200
        for text in ("Catalogue", "Demand", "Pricing", "Feedback", 'href="/docs"', "itaas token --role demand_leader"):
            assert text in response.text
        assert "@" not in response.text.replace("@media", "")

    async def test_with_an_identity_provider_the_portal_offers_no_tokens(
        self, tmp_path: Path, stack: AsyncExitStack
    ) -> None:
        settings = load_settings(itaas_data_dir=tmp_path, oidc_issuer="https://issuer.invalid")
        gateway = create_gateway({}, settings=settings)
        await stack.enter_async_context(gateway.lifespan())
        assert "itaas token" not in (await (await client_of(gateway, stack)).get("/")).text

    async def test_pages_allow_nothing_inline_and_nothing_from_elsewhere(self, client: httpx.AsyncClient) -> None:
        for path in ("/", "/docs"):
            response = await client.get(path)
            policy = response.headers["content-security-policy"]
            assert "default-src 'none'" in policy and "script-src 'self';" in policy and "unsafe" not in policy
            assert response.headers["x-content-type-options"] == "nosniff"
            assert "<script>" not in response.text and "style=" not in response.text and "://" not in response.text

    async def test_every_asset_that_a_page_names_is_there(self, client: httpx.AsyncClient) -> None:
        for page in ("/", "/docs"):
            text = (await client.get(page)).text
            names = [part.split('"')[0] for part in text.split("/docs/assets/")[1:]]
            assert names
            for name in names:
                response = await client.get(f"/docs/assets/{name}")
                assert response.status_code == 200 and response.content, name
                assert response.headers["x-content-type-options"] == "nosniff"
        assert (await client.get("/docs/assets/LICENSE")).text.strip().startswith("Apache License")

    async def test_other_names_are_no_assets(self, client: httpx.AsyncClient) -> None:
        for name in ("vendor.sh", "VERSION", "swagger-ui", "app.py"):
            assert (await client.get(f"/docs/assets/{name}")).status_code == 404


class TestMergedDocument:
    async def test_it_is_valid_and_holds_all_services_and_the_archive(self, client: httpx.AsyncClient) -> None:
        response = await client.get("/openapi.json")
        document = response.json()
        validate(document)
        for name in NAMES:
            assert f"/{name}/v1/things" in document["paths"]
            assert f"/{name}/metrics" not in document["paths"]
            assert document["paths"][f"/{name}/v1/things"]["get"]["responses"]["502"]["$ref"]
        assert "/events/v1/trace/{correlation_id}" in document["paths"]
        groups = [group["name"] for group in document["x-tagGroups"]]
        assert groups == ["Catalogue", "Demand", "Pricing", "Feedback", "Gateway"]
        assert "x-itaas-stale" not in document and "x-itaas-missing" not in document
        again = await client.get("/openapi.json", headers={"If-None-Match": response.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")

    async def test_the_gateways_own_operations_say_what_they_may_answer(self, client: httpx.AsyncClient) -> None:
        paths = (await client.get("/openapi.json")).json()["paths"]
        for path in ("/events/v1/events", "/events/v1/trace/{correlation_id}"):
            operation = paths[path]["get"]
            assert operation["summary"] and operation["description"]
            assert {"200", "401", "403", "422"} <= operation["responses"].keys()
            assert operation["security"] == [{"bearer": []}]
        assert "/docs" not in paths and "/" not in paths

    async def test_a_service_that_goes_away_is_remembered_over_a_restart(
        self, tmp_path: Path, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(documents, "FRESH_SECONDS", 0.0)
        servers = {name: AsyncExitStack() for name in NAMES[:3]}
        urls = {name: await exits.enter_async_context(serving(toy(name))) for name, exits in servers.items()}
        for exits in servers.values():
            stack.push_async_exit(exits)
        chosen = load_settings(
            itaas_data_dir=tmp_path,
            feedback_url="http://127.0.0.1:9",
            **{f"{name}_url": url for name, url in urls.items()},
        )
        async with AsyncExitStack() as first_run:
            gateway = create_gateway(settings=chosen)
            await first_run.enter_async_context(gateway.lifespan())
            client = await client_of(gateway, first_run)
            document = (await client.get("/openapi.json")).json()
            validate(document)
            assert document["x-itaas-missing"] == ["feedback"]
            response = await client.get("/catalog/v1/things", headers=bearer(token(chosen)))
            assert response.json() == {"service": "catalog"}

            await servers["catalog"].aclose()
            document = (await client.get("/openapi.json")).json()
            assert list(document["x-itaas-stale"]) == ["catalog"]
            response = await client.get("/catalog/v1/things", headers=bearer(token(chosen)))
            assert response.status_code == 503
            assert "127.0.0.1" not in response.text

        gateway = create_gateway(settings=chosen)
        await stack.enter_async_context(gateway.lifespan())
        document = (await (await client_of(gateway, stack)).get("/openapi.json")).json()
        validate(document)
        assert document["paths"]["/catalog/v1/things"]["get"]["x-itaas-stale"] is True
        assert "x-itaas-stale" not in document["paths"]["/pricing/v1/things"]["get"]
        assert list(document["x-itaas-stale"]) == ["catalog"]

    @pytest.mark.parametrize(
        "content", ["<html>", "{}", '{"openapi":"3.1.0","info":{},"paths":{"/x":[]}}', '{"openapi":"3.1.0","tags":7}']
    )
    async def test_a_service_that_gives_nonsense_spoils_nothing(
        self, settings: Settings, stack: AsyncExitStack, content: str
    ) -> None:
        async def nonsense(scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": content.encode()})

        services: dict[str, Any] = {name: toy(name) for name in NAMES} | {"demand": nonsense}
        gateway = create_gateway(services, settings=settings)
        await stack.enter_async_context(gateway.lifespan())
        document = (await (await client_of(gateway, stack)).get("/openapi.json")).json()
        validate(document)
        assert document["x-itaas-missing"] == ["demand"]


async def test_over_asgi_lifespan_the_gateway_starts_and_stops_by_itself(settings: Settings) -> None:
    from asgi_lifespan import LifespanManager

    gateway = create_gateway({name: toy(name) for name in NAMES}, settings=settings)
    async with (
        LifespanManager(gateway),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=gateway), base_url="http://gateway") as client,
    ):
        assert (await client.get("/health/ready")).json()["app"] == "gateway"
        assert (await client.get("/catalog/health/live")).status_code == 200


async def test_what_the_door_answers_is_counted(client: httpx.AsyncClient, settings: Settings) -> None:
    await client.get("/pricing/v1/things", headers=bearer(token(settings)))
    await client.get("/pricing/v1/things")
    text = (await client.get("/metrics")).text
    for status in (200, 401):
        line = f'itaas_http_requests_total{{app="gateway",method="GET",route="/pricing/*",status="{status}"}}'
        assert line in text
