"""Tokens: which are accepted, which are refused and how, local key and OpenID Connect alike."""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI, Response
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from services.clock import utc_now
from services.db import Database
from services.db.chassis_tables import ChassisBase, KnownBusinessUnit
from services.errors import Forbidden, Unavailable
from services.identity import LocalKeys, Role, TokenRefused, Units, Verifier, build_verifier
from services.identity import tokens as tokens_module
from services.identity.tokens import OidcKeys
from services.identity.unit_tree import with_descendants
from services.server import bound_socket, serving
from services.settings import ConfigurationError, load_settings

pytestmark = pytest.mark.anyio


class Issuer:
    """An OpenID Connect issuer on 127.0.0.1 whose keys can be rotated."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys = [RSAKey.generate_key(2048, {"kid": "one"})]
        self.fetched = 0
        self.away = False
        self.takes_seconds = 0.0
        self.discovery: Any = {"issuer": url, "jwks_uri": f"{url}/keys"}

    def token(self, key: Any = None, algorithm: str = "RS256", **claims: Any) -> str:
        now = int(time.time())
        defaults = {"iss": self.url, "aud": "itaas", "sub": "alice", "iat": now, "exp": now + 600, "person_id": "p-1"}
        key = key or self.keys[-1]
        return jwt.encode({"alg": algorithm, "kid": key.kid}, defaults | claims, key, algorithms=[algorithm])


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    app = FastAPI()
    bound = bound_socket("127.0.0.1", 0)
    made = Issuer(f"http://127.0.0.1:{bound.getsockname()[1]}")

    @app.get("/.well-known/openid-configuration")
    async def discovery() -> Any:
        return made.discovery

    @app.get("/keys")
    async def keys() -> Any:
        made.fetched += 1
        await asyncio.sleep(made.takes_seconds)
        if made.away:
            return Response(status_code=502)
        return KeySet(made.keys).as_dict(private=False)

    with bound:
        async with serving(app, bound, handle_signals=False):
            yield made


async def test_an_issuers_token_names_the_principal(issuer: Issuer) -> None:
    unit = uuid4()
    verifier = Verifier(OidcKeys(issuer.url), audience="itaas")
    principal = await verifier.principal(issuer.token(roles=["finance", "cook"], business_units=[str(unit)]))
    assert (principal.subject, principal.person_id) == ("alice", "p-1")
    assert principal.roles == {Role.FINANCE}  # a role that is none of ours gives nothing
    assert principal.business_units == {unit}
    for _ in range(5):
        await verifier.principal(issuer.token(roles=["finance"]))
    assert issuer.fetched == 1


async def test_a_rotated_key_is_fetched_and_an_unknown_one_does_not_hammer_the_issuer(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier = Verifier(OidcKeys(issuer.url), audience="itaas")
    await verifier.principal(issuer.token())
    monkeypatch.setattr(tokens_module, "_REFETCH_SECONDS", 0)
    issuer.keys = [RSAKey.generate_key(2048, {"kid": "two"})]
    await verifier.principal(issuer.token())
    assert issuer.fetched == 2
    monkeypatch.setattr(tokens_module, "_REFETCH_SECONDS", 30)
    stranger = RSAKey.generate_key(2048, {"kid": "three"})
    for _ in range(10):
        with pytest.raises(TokenRefused):
            await verifier.principal(issuer.token(key=stranger))
    assert issuer.fetched == 2


def _signed_with_the_public_key(issuer: Issuer) -> str:
    header = _encoded(json.dumps({"alg": "HS256", "kid": "one"}).encode())
    head = f"{header}.{issuer.token().split('.')[1]}"
    secret = issuer.keys[0].as_pem(private=False)
    return f"{head}.{_encoded(hmac.digest(secret, head.encode(), 'sha256'))}"


def _unsigned(issuer: Issuer) -> str:
    header = _encoded(json.dumps({"alg": "none"}).encode())
    return f"{header}.{issuer.token().split('.')[1]}."


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


FORGERIES: dict[str, Callable[[Issuer], str]] = {
    "another issuer": lambda issuer: issuer.token(iss="https://elsewhere.example"),
    "another audience": lambda issuer: issuer.token(aud="another-app"),
    "expired": lambda issuer: issuer.token(exp=int(time.time()) - 120),
    "not yet valid": lambda issuer: issuer.token(nbf=int(time.time()) + 600),
    "no expiry": lambda issuer: issuer.token(exp=None),
    "no subject": lambda issuer: issuer.token(sub=None),
    "another key under the same kid": lambda issuer: issuer.token(key=RSAKey.generate_key(2048, {"kid": "one"})),
    "the public key as an HMAC secret": lambda issuer: _signed_with_the_public_key(issuer),
    "alg none": lambda issuer: _unsigned(issuer),
    "a changed payload": lambda issuer: ".".join(
        [issuer.token().split(".")[0], issuer.token(sub="root").split(".")[1], issuer.token().split(".")[2]]
    ),
    "another curve": lambda issuer: issuer.token(key=ECKey.generate_key("P-256", {"kid": "one"}), algorithm="ES256"),
    "garbage": lambda issuer: "garbage",
    "units that are none": lambda issuer: issuer.token(business_units=["not-a-uuid"]),
    "roles that are no list": lambda issuer: issuer.token(roles="admin"),
    "nobody to tell apart": lambda issuer: issuer.token(person_id=None),
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_what_is_not_right_is_refused(issuer: Issuer, forgery: str) -> None:
    verifier = Verifier(OidcKeys(issuer.url), audience="itaas")
    with pytest.raises(TokenRefused):
        await verifier.principal(FORGERIES[forgery](issuer))


async def test_a_token_may_be_good_for_longer_than_a_float_can_tell(issuer: Issuer) -> None:
    verifier = Verifier(OidcKeys(issuer.url), audience="itaas")
    assert (await verifier.principal(issuer.token(exp=10**400))).subject == "alice"


async def test_a_token_ends_when_it_expires_even_if_remembered(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens_module, "LEEWAY_SECONDS", 0)
    verifier = Verifier(OidcKeys(issuer.url), audience="itaas")
    token = issuer.token(exp=int(time.time()) + 2)
    await verifier.principal(token)
    await asyncio.sleep(2.2)
    with pytest.raises(TokenRefused):
        await verifier.principal(token)


async def test_an_issuer_that_is_away_is_an_outage_not_a_bad_token() -> None:
    with bound_socket("127.0.0.1", 0) as unused:
        verifier = Verifier(OidcKeys(f"http://127.0.0.1:{unused.getsockname()[1]}"), audience="itaas")
        with pytest.raises(Unavailable):
            await verifier.principal("a.b.c")


async def test_all_wait_for_one_fetch_and_its_failure_is_remembered(issuer: Issuer) -> None:
    issuer.away, issuer.takes_seconds = True, 0.3
    verifier = Verifier(OidcKeys(issuer.url), audience="itaas")
    began = time.monotonic()
    answers = await asyncio.gather(
        *(verifier.principal(issuer.token(jti=str(n))) for n in range(8)), return_exceptions=True
    )
    assert {type(answer) for answer in answers} == {Unavailable}
    assert time.monotonic() - began < 1.5  # one after the other: 2.4 s
    with pytest.raises(Unavailable):
        await verifier.principal(issuer.token())
    assert issuer.fetched == 1


async def test_a_waiter_that_gives_up_does_not_end_the_fetch_for_the_others(issuer: Issuer) -> None:
    issuer.takes_seconds = 0.3
    keys = OidcKeys(issuer.url)
    first, second = asyncio.create_task(keys.key_set()), asyncio.create_task(keys.key_set())
    await asyncio.sleep(0.05)
    first.cancel()
    assert [key.kid for key in await second] == ["one"]
    assert issuer.fetched == 1


async def test_known_keys_serve_at_once_while_an_unknown_kid_is_looked_up(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier = Verifier(OidcKeys(issuer.url), audience="itaas")
    await verifier.principal(issuer.token())
    monkeypatch.setattr(tokens_module, "_REFETCH_SECONDS", 0)
    issuer.away, issuer.takes_seconds = True, 0.5
    stranger = issuer.token(key=RSAKey.generate_key(2048, {"kid": "garbage"}))
    looked_up = asyncio.create_task(verifier.principal(stranger))
    await asyncio.sleep(0.1)
    await verifier.principal(issuer.token(jti="another"))
    assert not looked_up.done()
    with pytest.raises(Unavailable):
        await looked_up
    with pytest.raises(Unavailable):  # the failure is remembered
        await verifier.principal(stranger)
    assert issuer.fetched == 2


async def test_keys_are_refreshed_by_age_and_serve_while_the_issuer_is_away(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = OidcKeys(issuer.url)
    await keys.key_set()
    monkeypatch.setattr(tokens_module, "_REFRESH_SECONDS", 0)
    issuer.away = True
    for _ in range(3):
        assert [key.kid for key in await keys.key_set()] == ["one"]
        await asyncio.sleep(0.1)
    assert issuer.fetched == 2
    issuer.away = False
    issuer.keys = [RSAKey.generate_key(2048, {"kid": "two"})]
    monkeypatch.setattr(tokens_module, "_FAILURE_SECONDS", 0)
    assert [key.kid for key in await keys.key_set()] == ["one"]  # in the background
    await asyncio.sleep(0.3)
    assert [key.kid for key in await keys.key_set()] == ["two"]
    issuer.away = True
    monkeypatch.setattr(tokens_module, "_KEPT_SECONDS", 0)
    with pytest.raises(Unavailable):
        await keys.key_set()


@pytest.mark.parametrize("discovery", [[], None, "text", {}, {"jwks_uri": 5}, {"jwks_uri": "http://["}])
async def test_a_discovery_document_that_is_none_is_an_outage(issuer: Issuer, discovery: Any) -> None:
    issuer.discovery = discovery
    with pytest.raises(Unavailable):
        await OidcKeys(issuer.url).key_set()


@pytest.mark.parametrize("jwks", [[], None, {"keys": 5}, {"keys": [None]}, {"keys": [{"kty": "RSA", "n": 5, "e": 1}]}])
async def test_keys_that_are_none_are_an_outage(jwks: Any, monkeypatch: pytest.MonkeyPatch, issuer: Issuer) -> None:
    monkeypatch.setattr(KeySet, "as_dict", lambda self, **options: jwks)
    with pytest.raises(Unavailable):
        await OidcKeys(issuer.url).key_set()


async def test_without_a_person_id_the_subject_is_hidden_by_a_key(issuer: Issuer) -> None:
    verifier = Verifier(OidcKeys(issuer.url), audience="itaas", person_id_key="pepper")
    one, again = [await verifier.principal(issuer.token(person_id=None, iat=n)) for n in (1, 2)]
    assert one.person_id == again.person_id != "alice"


async def test_the_local_key_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    keys = LocalKeys(tmp_path / "keys", create=True)
    token = keys.issue(roles=[Role.CONSUMER], person="bob")
    verifier = build_verifier(load_settings(itaas_data_dir=tmp_path))
    principal = await verifier.principal(token)
    again = await verifier.principal(LocalKeys(tmp_path / "keys", create=True).issue(roles=[Role.ADMIN], person="bob"))
    assert principal.person_id == again.person_id
    UUID(principal.person_id)
    assert {file.stat().st_mode & 0o077 for file in (tmp_path / "keys").iterdir()} == {0}


def _name_people(folder: Path, namer: int) -> None:
    keys = LocalKeys(folder, create=True)
    for n in range(10):
        keys.issue(roles=[Role.CONSUMER], person=f"{namer}-{n}")
        keys.issue(roles=[Role.CONSUMER], person="everybody")


async def test_people_named_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    """Threads stand for processes: each opens the lock file for itself, which is what flock goes by."""
    await asyncio.gather(*(asyncio.to_thread(_name_people, tmp_path / "keys", namer) for namer in range(6)))
    people = json.loads((tmp_path / "keys" / "people.json").read_text())
    assert set(people) == {f"{namer}-{n}" for namer in range(6) for n in range(10)} | {"everybody"}


async def test_a_key_is_made_once_however_many_ask_for_it(tmp_path: Path) -> None:
    async def key() -> str:
        made = await asyncio.to_thread(LocalKeys, tmp_path / "keys", create=True)
        return str((await made.key_set()).keys[0].kid)

    assert len(set(await asyncio.gather(*(key() for _ in range(16))))) == 1


def test_the_distributed_mode_never_makes_a_key_of_its_own(tmp_path: Path) -> None:
    settings = load_settings(itaas_data_dir=tmp_path, kafka_bootstrap_servers="127.0.0.1:1")
    with pytest.raises(ConfigurationError, match="OIDC_ISSUER"):
        build_verifier(settings)


async def test_a_unit_and_those_below_are_in_sight(database_url: str) -> None:
    database = Database(database_url)
    async with database.writer.begin() as connection:
        await connection.run_sync(ChassisBase.metadata.create_all)
    root, child, grandchild, other, loop_a, loop_b = (uuid4() for _ in range(6))
    tree = {root: None, child: root, grandchild: child, other: None, loop_a: loop_b, loop_b: loop_a}
    async with database.transaction() as session:
        for unit, parent in tree.items():
            session.add(KnownBusinessUnit(id=unit, parent_id=parent, name="x", sequence=1, seen_at=utc_now()))
    async with database.reading() as session:
        assert await with_descendants(session, KnownBusinessUnit, frozenset({child})) == {child, grandchild}
        assert await with_descendants(session, KnownBusinessUnit, frozenset({root})) == {root, child, grandchild}
        assert await with_descendants(session, KnownBusinessUnit, frozenset({loop_a})) == {loop_a, loop_b}
        assert await with_descendants(session, KnownBusinessUnit, frozenset()) == frozenset()
    await database.close()
    units = Units(frozenset({child}))
    units.require(child)
    with pytest.raises(Forbidden):
        units.require(root)
    Units(None).require(root)
