"""What quotes and offerings do to demands: any order of arrival, twice, late, for another proposal, poisoned."""

from collections.abc import Iterator
from itertools import combinations, permutations
from uuid import UUID

import pytest

from services.events.replay import rebuild
from services.ids import uuid7
from tests.demand_service.world import World, done, refused

pytestmark = pytest.mark.anyio


async def test_policy_approves_what_needs_no_person_and_acceptance_opens_the_order(world: World) -> None:
    await world.put_policy()
    demand_id = await world.proposed()
    quote_id = await world.quote("issued", demand_id)
    demand = await world.demand(demand_id)
    assert (demand["state"], demand["quote_id"]) == ("approved", str(quote_id))
    assert demand["decision"] == {
        "outcome": "approved",
        "policy": "small",
        "rule": "within budget",
        "reason": "the budget is enough and a year costs 1080.00 USD, at most the limit of 5000",
        "quote_id": str(quote_id),
        "decided_by": None,
    }
    assert demand["history"][-1]["person_id"] is None
    assert demand["history"][-1]["reason"].startswith("policy small, rule 'within budget': the budget is enough")
    await world.quote("accepted", demand_id, quote_id=quote_id, sequence=2)
    demand, order = await world.demand(demand_id), await world.order_of(demand_id)
    assert (demand["state"], demand["order_id"], demand["quote"]["state"]) == ("in_fulfilment", order["id"], "accepted")


async def test_acceptance_before_approval_opens_the_order_with_the_approval(world: World) -> None:
    demand_id = await world.proposed()
    quote_id = await world.quote("issued", demand_id)
    await world.quote("accepted", demand_id, quote_id=quote_id, sequence=2)
    demand = await world.demand(demand_id)
    assert (demand["state"], demand["decision"]["outcome"]) == ("proposed", "needs_approval")
    approved = await world.step(world.approver, demand_id, "approve", reason="fits")
    assert approved["state"] == "in_fulfilment"
    assert (await world.told())[-2:] == ["demand.approved", "order.opened"]
    assert (await world.order_of(demand_id))["state"] == "open"


async def test_any_order_of_arrival_and_every_duplicate_ends_in_the_same_state(world: World) -> None:
    """Issued and accepted in every order, each delivered again, and told once more by an event of another id."""
    await world.put_policy()
    ends = set()
    for arrivals in sorted(set(permutations(["issued", "issued", "accepted", "accepted"]))):
        demand_id, quote_id = await world.proposed(), uuid7()
        ids = {"issued": str(uuid7()), "accepted": str(uuid7())}
        for fact in arrivals:
            sequence = 1 if fact == "issued" else 2
            for event_id in (ids[fact], str(uuid7())):
                await world.quote(fact, demand_id, quote_id=quote_id, sequence=sequence, event_id=event_id)
        demand = await world.demand(demand_id)
        steps = tuple(step["step"] for step in demand["history"])
        ends.add((demand["state"], demand["quote"]["state"], steps, (await world.order_of(demand_id))["state"]))
    assert ends == {
        (
            "in_fulfilment",
            "accepted",
            ("submit", "screen", "qualify", "propose", "approve", "open order"),
            "open",
        )
    }
    assert await world.dead_letters() == []


async def test_a_quote_that_comes_while_the_demand_is_paused_counts_when_it_resumes(world: World) -> None:
    await world.put_policy()
    demand_id = await world.proposed()
    await world.step(world.leader, demand_id, "request-information", reason="who pays?")
    quote_id = await world.quote("issued", demand_id)
    await world.quote("accepted", demand_id, quote_id=quote_id, sequence=2)
    assert (await world.demand(demand_id))["state"] == "needs_information"
    assert (await world.step(world.consumer, demand_id, "resume"))["state"] == "in_fulfilment"


@pytest.mark.parametrize("end", ["withdraw", "reject"])
async def test_a_quote_that_comes_after_the_end_changes_nothing(world: World, end: str) -> None:
    await world.put_policy()
    demand_id = await world.proposed()
    body = {"reason": "over"} if end == "reject" else {}
    await world.step(world.leader, demand_id, end, **body)
    before = await world.demand(demand_id)
    quote_id = await world.quote("issued", demand_id)
    await world.quote("accepted", demand_id, quote_id=quote_id, sequence=2)
    assert await world.demand(demand_id) == before


Told = list[tuple[int, str]]


def interleaved(first: list[str], second: list[str]) -> Iterator[Told]:
    """Every order of what is told of the first quote and of the second that keeps each quote's own."""
    both = len(first) + len(second)
    for places in combinations(range(both), len(first)):
        of = [iter(first), iter(second)]
        yield [(quote, next(of[quote])) for quote in (0 if place in places else 1 for place in range(both))]


class Race:
    """A demand proposed anew while pricing accepts the quote of the proposal before, of which it then takes it back."""

    def __init__(self, world: World, demand_id: str, quantities: list[str]) -> None:
        self.world, self.demand_id, self.quantities = world, demand_id, quantities
        self.quotes, self.sequences = [uuid7(), uuid7()], [0, 0]

    @classmethod
    async def begun(cls, world: World, *, known: bool, quantity: str) -> "Race":
        race = cls(world, await world.proposed(options={"proposal": "first"}), ["4", quantity])
        if known:
            await race.hear(0, "issued")
        await world.propose(race.demand_id, quantity=quantity, options={"proposal": "second"})
        return race

    async def hear(self, quote: int, fact: str) -> None:
        self.sequences[quote] += 1
        await self.world.quote(
            fact,
            self.demand_id,
            quote_id=self.quotes[quote],
            sequence=self.sequences[quote],
            quantity=self.quantities[quote],
            caused_by=(await self.world.proposals_told(self.demand_id))[quote],
        )


@pytest.mark.parametrize(("known", "quantity"), [(True, "4"), (False, "4"), (True, "5")])
async def test_a_quote_accepted_while_the_demand_is_proposed_anew_never_becomes_the_order(
    world: World, known: bool, quantity: str
) -> None:
    await world.put_policy()
    first = ["accepted", "withdrawn"] if known else ["issued", "accepted", "withdrawn"]
    for told in interleaved(first, ["issued", "accepted"]):
        race = await Race.begun(world, known=known, quantity=quantity)
        for quote, fact in told:
            await race.hear(quote, fact)
            opened = race.sequences[1] == 2
            assert len(await world.orders_of(race.demand_id)) == opened, told
        demand, order = await world.demand(race.demand_id), await world.order_of(race.demand_id)
        assert (demand["state"], demand["quote_id"]) == ("in_fulfilment", str(race.quotes[1])), told
        assert (order["quantity"], order["options"]) == (quantity, {"proposal": "second"}), told
    assert (await world.told()).count("order.opened") == len(list(interleaved(first, ["issued", "accepted"])))
    assert await world.dead_letters() == []


@pytest.mark.parametrize(("known", "end"), [(True, "withdrawn"), (False, "expired")])
async def test_the_end_of_the_newer_quote_does_not_bring_the_older_one_back(
    world: World, known: bool, end: str
) -> None:
    await world.put_policy()
    first = ["accepted", "withdrawn"] if known else ["issued", "accepted", "withdrawn"]
    for told in interleaved(first, ["issued", end]):
        race = await Race.begun(world, known=known, quantity="4")
        for quote, fact in told:
            await race.hear(quote, fact)
            assert await world.orders_of(race.demand_id) == [], told


@pytest.mark.parametrize("known", [True, False])
async def test_a_demand_given_up_in_between_has_no_order(world: World, known: bool) -> None:
    first = ["accepted", "withdrawn"] if known else ["issued", "accepted", "withdrawn"]
    for told in interleaved(first, ["issued", "accepted"]):
        race = await Race.begun(world, known=known, quantity="4")
        for number, (quote, fact) in enumerate(told):
            if number == len(told) // 2:
                await world.step(world.consumer, race.demand_id, "withdraw")
            await race.hear(quote, fact)
        assert (await world.demand(race.demand_id))["state"] == "withdrawn"
        assert await world.orders_of(race.demand_id) == [], told


async def test_a_lapsed_quote_is_answered_by_proposing_again(world: World) -> None:
    await world.put_policy()
    demand_id = await world.proposed()
    lapsed = await world.quote("issued", demand_id)
    await world.quote("expired", demand_id, quote_id=lapsed, sequence=2)
    again = await world.propose(demand_id, quantity="2")
    assert (again["state"], again["decision"], again["quote_id"]) == ("proposed", None, None)
    fresh = await world.quote("issued", demand_id, quantity="2.0")
    demand = await world.demand(demand_id)
    assert (demand["state"], demand["quote_id"]) == ("approved", str(fresh))


async def test_the_quote_of_an_earlier_proposal_no_longer_counts(world: World) -> None:
    await world.put_policy()
    demand_id = await world.proposed()
    old = await world.quote("issued", demand_id)
    assert (await world.demand(demand_id))["state"] == "approved"
    await world.propose(demand_id)
    assert (await world.told())[-1] == "demand.proposed"
    await world.quote("accepted", demand_id, quote_id=old, sequence=2)
    assert (await world.demand(demand_id))["state"] == "proposed"
    await world.quote("issued", demand_id, annual="9000.00")
    demand = await world.demand(demand_id)
    assert (demand["state"], demand["decision"]["outcome"]) == ("proposed", "needs_approval")


async def test_an_accepted_quote_keeps_its_terms(world: World) -> None:
    demand_id = await world.proposed()
    quote_id = await world.quote("issued", demand_id)
    await world.quote("accepted", demand_id, quote_id=quote_id, sequence=2)
    body = {"offering_id": str(world.offering), "quantity": "9", "form": {"purpose": "more"}}
    answer = await world.leader.post(f"/v1/demands/{demand_id}/propose", json=body)
    assert str(quote_id) in refused(answer, 409, "quote-already-accepted")["detail"]


async def test_another_quote_in_place_of_the_approved_one_goes_to_policy_again(world: World) -> None:
    await world.put_policy()
    demand_id = await world.proposed()
    await world.quote("issued", demand_id)
    dearer = await world.quote("issued", demand_id, annual="9000.00")
    demand = await world.demand(demand_id)
    assert (demand["state"], demand["decision"]["outcome"]) == ("proposed", "needs_approval")
    assert demand["decision"]["quote_id"] == str(dearer)
    assert (await world.told()).count("demand.proposed") == 1
    cheaper = await world.quote("issued", demand_id, annual="10.00")
    demand = await world.demand(demand_id)
    assert (demand["state"], demand["quote_id"]) == ("approved", str(cheaper))


async def test_a_short_budget_and_a_request_are_seen_by_policy(world: World) -> None:
    rules = [
        {"name": "no money", "outcome": "needs_approval", "budget_states": ["short"]},
        {"name": "from the shelf", "outcome": "approved", "kinds": ["request"]},
    ]
    await world.put_policy(rules=rules)
    outcomes = []
    for budget in ("short", "none"):
        drafted = await world.draft_request()
        await world.step(world.consumer, drafted["id"], "submit")
        await world.quote("issued", drafted["id"], budget=budget)
        decision = (await world.demand(drafted["id"]))["decision"]
        outcomes.append((decision["outcome"], decision["rule"], decision["reason"]))
    assert outcomes == [
        ("needs_approval", "no money", "the budget is short"),
        ("approved", "from the shelf", "the kind is request"),
    ]


async def test_a_quote_of_no_demand_and_a_poisoned_one_are_dead_letters_and_stop_nothing(world: World) -> None:
    await world.quote("issued", str(UUID(int=3)))
    bad = uuid7()
    await world.service.deliver("itaas.pricing.quote.issued.v1", subject=bad, data={"demand_id": "what?"})
    reasons = sorted(await world.dead_letters())
    assert len(reasons) == 2
    assert reasons[0].startswith("DemandNotFound: quote") and reasons[1].startswith("the data does not fit: ")
    demand_id = await world.proposed()
    await world.quote("issued", demand_id)
    assert (await world.demand(demand_id))["decision"] is not None


async def test_an_offering_is_known_by_its_latest_event_alone(world: World) -> None:
    await world.publish_offering(world.offering, state="retired", sequence=3)
    await world.publish_offering(world.offering, state="published", sequence=2)
    body = {
        "business_unit_id": str(world.science),
        "title": "T",
        "kind": "request",
        "offering_id": str(world.offering),
        "quantity": "1",
        "form": {"purpose": "late news"},
    }
    problem = refused(await world.consumer.post("/v1/demands", json=body), 409, "offering-not-published")
    assert "is retired" in problem["detail"]


async def test_a_rebuild_brings_the_projections_back_and_acts_on_nothing(world: World) -> None:
    demand_id, _ = await world.ordered()
    before, told = await world.demand(demand_id), await world.told()
    runtime = world.service.runtime
    handlers = runtime.definition.all_consumers()
    topics = runtime.definition.topics_read()
    assert await rebuild(runtime.database, handlers, topics, runtime.event_log, lambda applied: None) == 3
    assert await world.demand(demand_id) == before and await world.told() == told
    assert done(await world.consumer.get("/v1/orders"))["items"] != []


async def test_a_quote_without_a_demand_is_no_concern_of_ours(world: World) -> None:
    for sequence, fact in enumerate(("issued", "accepted"), 1):
        await world.quote(fact, None, sequence=sequence)
    assert await world.dead_letters() == []
