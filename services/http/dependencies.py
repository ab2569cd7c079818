"""What a route asks for: a session that reads, the one that writes, the instant of the request.

`WriteSession` has the scope "function": FastAPI leaves it, and so commits, after the route has returned and its
answer is serialised but before that answer is sent. With the default scope a commit could fail behind a 200
(tests/chassis/test_transactions.py proves it cannot).
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from services.clock import utc_now
from services.http.idempotency import claim
from services.identity.access import authenticate
from services.identity.principal import Principal


async def _reading(request: Request) -> AsyncIterator[AsyncSession]:
    async with request.app.state.runtime.database.reading() as session:
        yield session


async def _writing(
    request: Request, principal: Annotated[Principal, Depends(authenticate)]
) -> AsyncIterator[AsyncSession]:
    # Whoever writes is known first: a stranger opens no transaction, wherever the route names its session.
    database = request.app.state.runtime.database
    async with database.transaction() as session:
        request.state.write_session = session
        await claim(request, database, session)
        yield session


ReadSession = Annotated[AsyncSession, Depends(_reading, scope="function")]
WriteSession = Annotated[AsyncSession, Depends(_writing, scope="function")]
Now = Annotated[datetime, Depends(utc_now)]
