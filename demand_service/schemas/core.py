"""Request and response bodies of demand."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, WithJsonSchema, field_validator

from demand_service.domain.agreement import QuoteState
from demand_service.domain.approval import BudgetState, Outcome
from demand_service.domain.funnel import DemandKind, DemandState
from demand_service.domain.order import OrderState, TaskState
from demand_service.domain.subscription import SubscriptionState
from services.http import Body, CurrencyCode, DecimalInput, DecimalString, ExternalId, Read

Line = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*[^\s\x00-\x1f][^\x00-\x1f]*$")]
Text = Annotated[str, Field(max_length=10_000)]
Sentence = Annotated[str, Field(min_length=1, max_length=2_000, pattern=r"\S")]
Key = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", examples=["standard"])]
PersonId = Annotated[str, Field(description="Opaque; never a name")]


def _priceable(quantity: Decimal) -> Decimal:
    exponent = quantity.as_tuple().exponent
    if not isinstance(exponent, int) or quantity.copy_abs() >= Decimal(10) ** 18 or -exponent > 18:
        raise ValueError("must have at most 18 digits before the point and 18 behind it")
    return quantity


# As many digits as pricing reads: a demand with more of them would never get a quote.
Quantity = Annotated[
    DecimalInput,
    AfterValidator(_priceable),
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]{1,18}(\.[0-9]{1,18})?$", "examples": ["4"]}),
]


def given(value: Any) -> Any:
    """A field of a patch that is sent must have a value: leaving it out is how it stays as it is."""
    if value is None:
        raise ValueError("must not be null; leave it out to keep it")
    return value


# ---- business units and goals


class GoalCreate(Body):
    name: Line
    metric: Line
    baseline: DecimalInput | None = Field(None, description="Where the metric is today; needed")
    target: DecimalInput | None = Field(None, description="Where it shall be; needed, and not the baseline")
    due: date
    priority: Annotated[int, Field(ge=1, le=5, description="1 is the most urgent")] = 3
    source: Line = Field("the business unit", description="Where it is known from")
    review_every_days: Annotated[int, Field(ge=1, le=3650)] = 90


class GoalPatch(Body):
    name: Line | None = None
    metric: Line | None = None
    baseline: DecimalInput | None = None
    target: DecimalInput | None = None
    due: date | None = None
    priority: Annotated[int, Field(ge=1, le=5)] | None = None

    _kept = field_validator("name", "metric", "due", "priority", mode="before")(given)


class GoalRead(Read):
    id: UUID
    name: str
    metric: str
    baseline: DecimalString
    target: DecimalString
    due: date
    priority: int
    current: DecimalString | None = Field(description="As measured last; null: never measured since the baseline")
    measured_on: date | None


class BusinessUnitCreate(Body):
    name: Line
    parent_id: UUID | None = None
    cost_centre: Line | None = None
    headcount: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    external_ids: list[ExternalId] = Field([], max_length=20)


class BusinessUnitPatch(Body):
    name: Line | None = None
    parent_id: UUID | None = None
    cost_centre: Line | None = None
    headcount: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    external_ids: Annotated[list[ExternalId], Field(max_length=20)] | None = None

    _kept = field_validator("name", "external_ids", mode="before")(given)


class BusinessUnitRead(Read):
    id: UUID
    version: int
    name: str
    parent_id: UUID | None
    cost_centre: str | None
    headcount: int | None
    external_ids: list[ExternalId]
    goals: list[GoalRead]
    created_at: datetime
    updated_at: datetime


# ---- demands


class DemandCreate(Body):
    business_unit_id: UUID
    title: Line
    description: Text = ""
    kind: DemandKind
    goal_id: UUID | None = None
    offering_id: UUID | None = Field(None, description="For a request, which must name it; otherwise proposed later")
    quantity: Quantity | None = Field(None, description="In the offering's unit of measure; with offering_id")
    options: dict[str, Any] = Field({}, description="What was chosen beside the quantity")
    form: dict[str, Any] = Field({}, description="Answers to the offering's request form (a JSON Schema)")


class DemandPatch(Body):
    """What is sent changes. Offering, quantity, options and form are those of a request."""

    title: Line | None = None
    description: Text | None = None
    goal_id: UUID | None = None
    offering_id: UUID | None = None
    quantity: Quantity | None = None
    options: dict[str, Any] | None = None
    form: dict[str, Any] | None = None

    _kept = field_validator("title", "description", "options", "form", mode="before")(given)


class Note(Body):
    note: Sentence | None = None


class Reason(Body):
    reason: Sentence


class Deferral(Body):
    reason: Sentence
    until: date


class Proposal(Body):
    offering_id: UUID
    quantity: Quantity = Field(description="In the offering's unit of measure, above zero")
    options: dict[str, Any] = Field({}, description="What was chosen beside the quantity")
    form: dict[str, Any] = Field({}, description="Answers to the offering's request form (a JSON Schema)")
    note: Sentence | None = None


class DecisionRead(Read):
    """What policy, or an approver after it, decided on the quote."""

    outcome: Outcome
    policy: str
    rule: str
    reason: str
    quote_id: UUID
    decided_by: PersonId | None = Field(description="null: the policy itself")


class DemandRead(Read):
    id: UUID
    version: int
    business_unit_id: UUID
    title: str
    description: str
    kind: DemandKind
    state: DemandState
    left_state: DemandState | None = Field(description="Where a paused demand resumes")
    deferred_until: date | None
    goal_id: UUID | None
    requested_by: PersonId
    offering_id: UUID | None
    quantity: DecimalString | None
    options: dict[str, Any]
    form: dict[str, Any]
    decision: DecisionRead | None
    quote_id: UUID | None
    order_id: UUID | None
    correlation_id: str
    created_at: datetime
    updated_at: datetime


class TransitionRead(Read):
    step: str
    from_state: DemandState = Field(serialization_alias="from")
    to_state: DemandState = Field(serialization_alias="to")
    at: datetime
    person_id: PersonId | None = Field(description="null: taken by policy or by an event")
    reason: str | None


class QuoteRead(Read):
    """What demand knows of the quote; pricing has the whole of it."""

    id: UUID
    state: QuoteState
    currency: str
    total: DecimalString
    annual_total: DecimalString
    budget_state: BudgetState


class AssessmentCounts(Read):
    open_risks: int
    open_issues: int
    open_decisions: int
    open_actions: int
    stakeholders: int


class DemandDetail(DemandRead):
    quote: QuoteRead | None
    history: list[TransitionRead]
    assessment: AssessmentCounts | None = None


# ---- approval policies


class RuleBody(Body):
    """Conditions, all of which must hold; one that is left out is not asked. The first rule that applies decides."""

    name: Line
    outcome: Literal[Outcome.APPROVED, Outcome.NEEDS_APPROVAL]
    kinds: list[DemandKind] | None = None
    budget_states: list[BudgetState] | None = None
    amount_at_most: dict[CurrencyCode, DecimalInput] | None = Field(
        None, description="Limit per currency for what the quote costs in a year", examples=[{"USD": "5000"}]
    )


class PolicyPut(Body):
    name: Line
    description: Text = ""
    position: Annotated[int, Field(ge=0, le=1_000_000, description="Policies are asked in this order")] = 100
    rules: Annotated[list[RuleBody], Field(min_length=1, max_length=100)]


class PolicyRead(Read):
    id: UUID
    version: int
    key: str
    name: str
    description: str
    position: int
    rules: list[RuleBody]


# ---- orders and subscriptions


class TaskRead(Read):
    id: UUID
    key: str
    name: str
    role: str | None
    depends_on: list[str]
    state: TaskState
    completed_at: datetime | None
    completed_by: PersonId | None


class OrderRead(Read):
    id: UUID
    version: int
    demand_id: UUID
    business_unit_id: UUID
    offering_id: UUID
    service_id: UUID
    quantity: DecimalString
    options: dict[str, Any]
    state: OrderState
    tasks: list[TaskRead]
    opened_at: datetime
    fulfilled_at: datetime | None
    lead_time_days: DecimalString | None
    correlation_id: str


class SubscriptionRead(Read):
    id: UUID
    version: int
    order_id: UUID
    demand_id: UUID
    business_unit_id: UUID
    offering_id: UUID
    service_id: UUID
    quantity: DecimalString
    options: dict[str, Any]
    state: SubscriptionState
    activated_at: datetime
    ended_at: datetime | None
    requested_by: PersonId
    correlation_id: str
