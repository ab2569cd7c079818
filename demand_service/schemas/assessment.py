"""Bodies of the assessment: scores, cash flows, stakeholders, RAID, business cases and the portfolio."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field

from demand_service.domain.cash_flow import Periods, Returns
from demand_service.domain.portfolio import Nature
from demand_service.domain.raid import RaidKind, RaidState
from demand_service.domain.stakeholder import Stance
from demand_service.schemas.core import Line, PersonId, Sentence, Text
from services.http import Body, CurrencyCode, DecimalInput, DecimalString, Read


def _sane(value: Decimal) -> Decimal:
    exponent = value.as_tuple().exponent
    if abs(value) > Decimal(10) ** 12 or not isinstance(exponent, int) or -exponent > 4:
        raise ValueError("must be within 10^12, with at most four digits behind the point")
    return value


def _not_negative(value: Decimal) -> Decimal:
    if value < 0:
        raise ValueError("must not be negative")
    return value


Figure = Annotated[DecimalInput, AfterValidator(_sane)]
Amount = Annotated[Figure, AfterValidator(_not_negative)]
Skill = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Days = Annotated[dict[Skill, Amount], Field(max_length=50)]
Pair = Annotated[list[UUID], Field(min_length=2, max_length=2)]
Level = Annotated[int, Field(ge=1, le=5)]
Person = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9._:-]+$")]


def _example(**body: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [body]})


class ScorePreview(Body):
    model_config = _example(
        method="wsjf", inputs={"business_value": 8, "time_criticality": 6, "risk_reduction": 4, "job_size": 3}
    )

    method: Annotated[str, Field(max_length=60)]
    inputs: dict[str, Any] = Field(description="Numbers, or decimals as strings, by the names that the method needs")


class ScorePreviewRead(Read):
    method: str
    score: DecimalString
    terms: dict[str, Any]
    formula: str


class ScorePut(Body):
    model_config = _example(
        inputs={"business_value": 8, "time_criticality": {"from": "goal_due"}, "risk_reduction": 4, "job_size": 3}
    )

    inputs: dict[str, Any] = Field(description="As for a preview; or {'from': …} to derive one from the demand's facts")


class ScoreEntryRead(Read):
    score: DecimalString
    inputs: dict[str, Any]
    terms: dict[str, Any]
    at: datetime
    person_id: PersonId | None = Field(description="null: made anew because a fact changed")
    cause: str


class ScoreRead(Read):
    id: UUID
    version: int
    demand_id: UUID
    method: str
    score: DecimalString
    inputs: dict[str, Any]
    terms: dict[str, Any]
    derived: bool = Field(description="Made anew when what its inputs derive from changes")
    scored_at: datetime
    scored_by: PersonId | None
    cause: str


class CashFlowPreview(Body):
    model_config = _example(currency="USD", period="year", rate="0.10", flows=["-1000", "500", "400", "300"])

    currency: CurrencyCode
    period: Periods = Periods.YEAR
    rate: Figure = Field(description="Per year, as a share: 0.10 is 10 %; months take a twelfth of it")
    flows: Annotated[list[Figure], Field(max_length=400, description="At the end of each period, the first one now")]


class WorthRead(Read):
    npv: DecimalString
    rate_per_period: DecimalString
    returns: Returns = Field(description="How many internal rates of return there are above −100 %")
    irr: DecimalString | None = Field(description="Per period; null unless there is exactly one")
    irr_per_year: DecimalString | None
    roots: list[DecimalString]
    payback: DecimalString | None = Field(description="Periods; null: it never pays back")
    discounted_payback: DecimalString | None


class CashFlowPreviewRead(WorthRead):
    currency: str
    period: Periods


class CashFlowRead(Read):
    id: UUID
    version: int
    demand_id: UUID
    currency: str
    period: Periods
    rate: DecimalString
    flows: list[DecimalString]
    worth: WorthRead
    kept_at: datetime
    kept_by: PersonId


class StakeholderCreate(Body):
    model_config = _example(role="Head of the data centre", influence=5, interest=4, stance="supports")

    person_id: Person | None = None
    role: Line | None = None
    influence: Level
    interest: Level
    stance: Stance = Stance.UNKNOWN
    note: Text = ""


class StakeholderPatch(Body):
    model_config = _example(stance="opposes")

    influence: Level | None = None
    interest: Level | None = None
    stance: Stance | None = None
    note: Text | None = None


class StakeholderRead(Read):
    id: UUID
    version: int
    demand_id: UUID
    person_id: PersonId | None
    role: str | None
    influence: int
    interest: int
    stance: Stance
    approach: str = Field(description="manage_closely, keep_satisfied, keep_informed or monitor")
    note: str


class RaidCreate(Body):
    model_config = _example(kind="risk", title="The supplier is late", due="2027-01-31", likelihood=3, impact=4)

    kind: RaidKind
    title: Line
    description: Text = ""
    owner: Person | None = Field(None, description="Opaque person id; whoever raises it where left out")
    due: date | None = None
    likelihood: Level | None = Field(None, description="Of a risk")
    impact: Level | None = Field(None, description="Of a risk or an issue")


class RaidMove(Body):
    model_config = _example(step="mitigate")

    step: Annotated[str, Field(max_length=40)]
    outcome: Sentence | None = Field(None, description="What was decided, or how it was resolved")


class RaidRead(Read):
    id: UUID
    version: int
    demand_id: UUID
    kind: RaidKind
    state: RaidState
    title: str
    description: str
    owner: PersonId | None
    due: date | None
    likelihood: int | None
    impact: int | None
    outcome: str | None
    raised_by: PersonId
    moved_at: datetime
    moved_by: PersonId


class BusinessCasePut(Body):
    model_config = _example(nature="change", value="120000", cost="45000", currency="USD", days={"developer": "60"})

    nature: Nature
    value: Amount
    cost: Amount
    currency: CurrencyCode
    days: Days = Field({}, description="Person-days by skill")


class BusinessCaseRead(Read):
    id: UUID
    version: int
    demand_id: UUID
    business_unit_id: UUID
    nature: Nature
    value: DecimalString
    cost: DecimalString
    currency: str
    days: dict[str, str]
    kept_by: PersonId


class NatureTotal(Read):
    nature: Nature
    currency: str
    candidates: int
    value: DecimalString
    cost: DecimalString


class PortfolioSummary(Read):
    """Open demands with a business case, by nature and currency; exact sums."""

    totals: list[NatureTotal]


class OptimisationCreate(Body):
    model_config = _example(currency="USD", budget="100000", capacity={"developer": "120"}, seconds=10)

    currency: CurrencyCode
    business_unit_id: UUID | None = Field(None, description="Candidates of this unit alone; all in sight without it")
    budget: Amount | None = None
    capacity: Days = Field({}, description="Person-days by skill; a skill that is left out is not limited")
    must_have: list[UUID] = Field([], max_length=2_000)
    exclusions: list[Pair] = Field([], max_length=2_000)
    dependencies: list[Pair] = Field([], max_length=2_000, description="[a, b]: a only together with b")
    seconds: Annotated[int, Field(ge=1, le=60)] = 20


class NearMissRead(Read):
    demand_id: UUID
    value: DecimalString
    lacks: dict[str, DecimalString] = Field(description="By limit: how much more of it would let this in as well")
    barred_by: list[UUID] = Field(description="What excludes it, or what it depends on and is left out")


class LimitRead(Read):
    name: str
    limit: DecimalString
    used: DecimalString
    left: DecimalString
    worth_per_unit: DecimalString = Field(description="Value of one more unit in the relaxed programme")


class OptimisationRead(Read):
    currency: str
    considered: int
    chosen: list[UUID]
    value: DecimalString
    cost: DecimalString
    proven_optimal: bool
    bound: DecimalString = Field(description="No set can be worth more")
    just_missed: list[NearMissRead]
    limits: list[LimitRead]
