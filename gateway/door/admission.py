"""Who may pass: the bearer of a token that the suite's verifier accepts.

Services verify again and decide what the caller may do; the door only keeps strangers out. No header but
`Authorization` says who a caller is.
"""

from gateway.door.headers import RequestHead
from services.errors import Unauthenticated
from services.identity import Verifier


class TokenMissing(Unauthenticated): ...


class Admission:
    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier

    async def __call__(self, head: RequestHead) -> None:
        """Raises TokenMissing or TokenRefused."""
        scheme, _, token = (head.authorization or b"").partition(b" ")
        if scheme.lower() != b"bearer" or not token.strip():
            raise TokenMissing("send a bearer token in the Authorization header")
        await self._verifier.principal(token.strip().decode("latin-1"))
