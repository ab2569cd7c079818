"""When periods are assessed, and what is still taken in for them: data, with a default until somebody sets it."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.schemas.attainments import AttainmentPolicyBody
from catalog_service.tables import AttainmentPolicy
from services.http import check_version

_THE_POLICY = UUID("0192f0c1-7b00-7000-8000-0000000000a1")


async def policy_in_force(session: AsyncSession) -> AttainmentPolicy:
    """The policy as it was set, or the one that holds until then (version 0, not stored)."""
    found = await session.get(AttainmentPolicy, _THE_POLICY)
    return found or AttainmentPolicy(id=_THE_POLICY, **AttainmentPolicyBody().model_dump())


async def set_policy(
    session: AsyncSession, body: AttainmentPolicyBody, *, if_match: frozenset[int] | None
) -> AttainmentPolicy:
    present = await policy_in_force(session)
    check_version(present, if_match)
    for name, value in body.model_dump().items():
        setattr(present, name, value)
    if present.version == 0:
        present.version = 1
        session.add(present)
    return present
