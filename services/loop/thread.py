"""The thread of one loop, read back from the events themselves."""

from services.identity.principal import Role
from services.loop.run import Json, Loop, LoopFailed, check, eventually

# What must be in the thread at the end, each at least once.
EXPECTED_EVENTS = (
    "itaas.demand.demand.submitted.v1",
    "itaas.demand.demand.qualified.v1",
    "itaas.demand.demand.proposed.v1",
    "itaas.pricing.quote.issued.v1",
    "itaas.demand.demand.approved.v1",
    "itaas.pricing.quote.accepted.v1",
    "itaas.pricing.budget.reserved.v1",
    "itaas.demand.order.opened.v1",
    "itaas.demand.order.fulfilled.v1",
    "itaas.demand.subscription.activated.v1",
    "itaas.feedback.survey.sent.v1",
    "itaas.feedback.response.received.v1",
    "itaas.feedback.score.updated.v1",
    "itaas.feedback.thread.opened.v1",
    "itaas.feedback.thread.replied.v1",
    "itaas.feedback.theme.named.v1",
    "itaas.feedback.improvement.planned.v1",
    "itaas.catalog.service.revision-published.v1",
    "itaas.feedback.improvement.shipped.v1",
    "itaas.pricing.statement.issued.v1",
)


async def read_back(loop: Loop) -> None:
    admin = loop.client_for(Role.ADMIN)

    async def complete() -> list[Json] | None:
        events: list[Json] = (await loop.get(admin, f"/events/v1/trace/{loop.thread}"))["events"]
        return events if {event["type"] for event in events} >= set(EXPECTED_EVENTS) else None

    try:
        events = await eventually(complete, "the thread's last event")
    except LoopFailed as error:
        seen = {event["type"] for event in (await loop.get(admin, f"/events/v1/trace/{loop.thread}"))["events"]}
        missing = [event for event in EXPECTED_EVENTS if event not in seen]
        raise LoopFailed(f"events are missing from the thread: {', '.join(missing)}") from error
    ids = [event["id"] for event in events]
    check(len(ids) == len(set(ids)), "an event is in the thread twice")
    loop.echo(f"\nthe thread, read back from {len(events)} events:")
    for event in events:
        when = event["time"][11:23]
        loop.echo(f"  {when}  {'  ' * min(event['depth'], 6)}{event['type'].removeprefix('itaas.')}")
    loop.echo(f"\nall steps, sums and {len(events)} events are as they should be")
