"""Bearer tokens: JWTs (RFC 7519) of an OpenID Connect issuer, or of the key in the data folder.

    OIDC_ISSUER set     keys from the issuer's JWKS, fetched when first needed, every ten minutes in the background
                        and when an unknown `kid` appears; while the issuer is away those known serve for a day
    otherwise           an Ed25519 key in <data folder>/keys, made on first start (embedded mode and `make stack`)

Checked here: signature, algorithm (asymmetric ones only: never `none`, never HMAC), issuer, audience, expiry and
not-before with a minute's leeway. A verified token is remembered by its hash until it expires.
"""

import asyncio
import fcntl
import hashlib
import hmac
import json
import os
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID, uuid4

import httpx
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from services.errors import Unauthenticated, Unavailable
from services.identity.principal import Principal, Role
from services.settings import ConfigurationError, Settings

ALGORITHMS = ["RS256", "PS256", "ES256", "Ed25519", "EdDSA"]
LEEWAY_SECONDS = 60
LATEST_EXPIRY = 1 << 53  # beyond it a float no longer tells seconds apart, and far beyond it there is none
LOCAL_ISSUER = "urn:itaas:local"
_REMEMBERED = 10_000
_REFETCH_SECONDS = 30  # an unknown `kid` may not make us hammer the issuer
_REFRESH_SECONDS = 10 * 60  # keys older than this are fetched anew in the background: one may have been withdrawn
_KEPT_SECONDS = 24 * 3600  # keys older than this are trusted no more
_FAILURE_SECONDS = 5  # after a fetch that failed, nobody waits for the next one sooner
_FETCH_SECONDS = 10  # both documents together
# The issuer is away, or its answer is none. TypeError and AttributeError are what a JWKS of another shape ends in.
_FETCH_FAULTS = (
    httpx.HTTPError,
    httpx.InvalidURL,
    TimeoutError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    JoseError,
)

log = structlog.get_logger("itaas.identity")


class TokenRefused(Unauthenticated): ...


class Keys(Protocol):
    """Where the keys come from that tokens may be signed with."""

    issuer: str

    async def key_set(self, *, fresh: bool = False) -> KeySet: ...


class LocalKeys:
    """The suite's own issuer: a private key and the people it has named, in `folder`, readable by its owner alone."""

    issuer = LOCAL_ISSUER

    def __init__(self, folder: Path, *, create: bool) -> None:
        self._file = folder / "signing-key.json"
        self._people = folder / "people.json"
        self._lock = folder / "keys.lock"
        if not self._file.exists():
            if not create:
                raise ConfigurationError(f"no OIDC_ISSUER is set and {self._file} does not exist")
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with _locked(self._lock):
                if not self._file.exists():  # another process may have made it while we waited
                    key = OKPKey.generate_key("Ed25519", {"kid": uuid4().hex, "use": "sig", "alg": "Ed25519"})
                    _write_private(self._file, key.as_dict(private=True))
        try:
            self._key = OKPKey.import_key(json.loads(self._file.read_text()))
        except (ValueError, JoseError) as error:
            raise ConfigurationError(f"{self._file} does not hold a key: {error}") from error

    async def key_set(self, *, fresh: bool = False) -> KeySet:
        return KeySet([self._key])

    def issue(
        self,
        *,
        roles: list[Role],
        business_units: list[UUID] | None = None,
        person: str | None = None,
        audience: str = "itaas",
        seconds: int = 30 * 24 * 3600,
    ) -> str:
        """A token for `person` (default: the roles' names) that is good for `seconds`."""
        subject = person or "-".join(roles)
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": audience,
            "sub": subject,
            "person_id": self._person_id(subject),
            "roles": [str(role) for role in roles],
            "business_units": [str(unit) for unit in business_units or []],
            "iat": now,
            "exp": now + seconds,
        }
        return jwt.encode({"alg": "Ed25519", "kid": self._key.kid}, claims, self._key, algorithms=ALGORITHMS)

    def _person_id(self, subject: str) -> str:
        with _locked(self._lock):
            people: dict[str, str] = json.loads(self._people.read_text()) if self._people.exists() else {}
            if subject not in people:
                people[subject] = str(uuid4())
                _write_private(self._people, people)
            return people[subject]


class OidcKeys:
    """The keys of an OpenID Connect issuer (its discovery document names the JWKS).

    There is one fetch at a time, which all who need it wait for together. Known keys are handed out without waiting.
    """

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self._keys: KeySet | None = None
        self._fetched_at = self._failed_at = float("-inf")  # on the monotonic clock
        self._fetch: asyncio.Task[None] | None = None

    async def key_set(self, *, fresh: bool = False) -> KeySet:
        """The known keys, or the issuer's current ones if none are known or `fresh` asks. Raises Unavailable."""
        now = time.monotonic()
        age = now - self._fetched_at
        failed_lately = now - self._failed_at < _FAILURE_SECONDS
        if self._keys is None or age >= _KEPT_SECONDS or (fresh and age >= _REFETCH_SECONDS):
            if not failed_lately:
                # Shielded: a request that is given up must not end the fetch for the others.
                await asyncio.shield(self._fetch_begun())
            if self._keys is None or self._failed_at > self._fetched_at:
                raise Unavailable("the identity provider's keys cannot be fetched; try again shortly")
        elif age >= _REFRESH_SECONDS and not failed_lately:
            self._fetch_begun()
        return self._keys

    def _fetch_begun(self) -> asyncio.Task[None]:
        if self._fetch is None or self._fetch.done():
            self._fetch = asyncio.create_task(self._fetch_keys())
        return self._fetch

    async def _fetch_keys(self) -> None:
        try:
            async with asyncio.timeout(_FETCH_SECONDS), httpx.AsyncClient(timeout=5) as client:
                discovery = await client.get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
                document = await client.get(_jwks_uri(discovery.raise_for_status().json()))
                self._keys = KeySet.import_key_set(document.raise_for_status().json())
        except _FETCH_FAULTS as error:
            self._failed_at = time.monotonic()
            log.warning("the identity provider's keys cannot be fetched", issuer=self.issuer, error=repr(error))
        else:
            self._fetched_at = time.monotonic()


class Verifier:
    """Turns a bearer token into a Principal. Raises TokenRefused."""

    def __init__(self, keys: Keys, *, audience: str, person_id_key: str = "") -> None:
        self._keys = keys
        self._person_id_key = person_id_key
        self._claims = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": keys.issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
        )
        self._known: OrderedDict[bytes, tuple[float, Principal]] = OrderedDict()

    async def principal(self, token: str) -> Principal:
        digest = hashlib.sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known is not None and known[0] > time.time():
            return known[1]
        claims = await self._verified(token)
        principal = self._read(claims)
        self._known[digest] = (float(min(claims["exp"], LATEST_EXPIRY)), principal)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return principal

    async def _verified(self, token: str) -> dict[str, Any]:
        for fresh in (False, True):
            try:
                decoded = jwt.decode(token, await self._keys.key_set(fresh=fresh), algorithms=ALGORITHMS)
                self._claims.validate(decoded.claims)
                return dict(decoded.claims)
            except JoseError as error:
                # A key that we do not know may be a rotated one: look once at the issuer's current keys.
                if not fresh and error.error in {"invalid_key_id", "bad_signature", "missing_key"}:
                    continue
                raise TokenRefused(f"the token is not acceptable: {error.error}") from error
            except (ValueError, TypeError, UnicodeError) as error:
                raise TokenRefused("the token cannot be read") from error
        raise TokenRefused("the token's key is not known")

    def _read(self, claims: dict[str, Any]) -> Principal:
        subject = str(claims["sub"])
        try:
            roles = frozenset(Role(role) for role in _strings(claims, "roles") if role in set(Role))
            units = frozenset(UUID(unit) for unit in _strings(claims, "business_units"))
        except ValueError as error:
            raise TokenRefused(f"the token's claims cannot be read: {error}") from error
        person_id = claims.get("person_id")
        if person_id is None:
            if not self._person_id_key:
                raise TokenRefused("the token names no person_id and no PERSON_ID_KEY is set to make one")
            person_id = hmac.new(self._person_id_key.encode(), subject.encode(), "sha256").hexdigest()[:32]
        return Principal(subject=subject, person_id=str(person_id), roles=roles, business_units=units)


def build_verifier(settings: Settings) -> Verifier:
    """The verifier that the settings ask for. In embedded mode the local key is made if it is not there yet."""
    keys: Keys
    if settings.oidc_issuer:
        keys = OidcKeys(settings.oidc_issuer)
    else:
        keys = LocalKeys(settings.itaas_data_dir / "keys", create=settings.embedded)
    return Verifier(keys, audience=settings.oidc_audience, person_id_key=settings.person_id_key)


def _jwks_uri(discovery: Any) -> str:
    uri = discovery.get("jwks_uri") if isinstance(discovery, dict) else None
    if not isinstance(uri, str):
        raise ValueError("the discovery document names no jwks_uri")
    return uri


def _strings(claims: dict[str, Any], name: str) -> list[str]:
    value = claims.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{name} is not a list of strings")
    return value


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Alone among all processes and threads that take the same `file`."""
    with os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o600)) as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _write_private(file: Path, content: dict[str, Any]) -> None:
    temporary = file.with_suffix(".new")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        json.dump(content, out)
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(file)
