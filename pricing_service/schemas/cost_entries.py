"""Accruals, amortisation schedules, corrections and credits."""

import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from pricing_service.domain.amortisation import By, Method
from pricing_service.schemas.exchange import RateDate
from pricing_service.schemas.numbers import Name, Number, PeriodText
from pricing_service.schemas.periods import Reason
from services.http import Body, CurrencyCode, DecimalString, ExternalId, Read

TagKey = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r'^[^\x00-\x1f"\\]+$')]
TagValue = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00-\x1f]*$")]


class Dimensions(Body):
    """What cost views group by and pool rules look at."""

    service_name: Name = Field(description="As FOCUS's ServiceName", examples=["Virtual Machines"])
    account: Name | None = Field(default=None, description="Of the general ledger", examples=["6510"])
    cost_centre: Name | None = None
    service_category: Name | None = None
    provider_name: Name | None = None
    sub_account_id: Name | None = None
    resource_id: Name | None = None
    tags: dict[TagKey, TagValue] = Field(default_factory=dict, max_length=50)


class AccrualCreate(Dimensions):
    """A cost of the period whose invoice has not come. It takes itself back in `reverses_in`."""

    period: PeriodText
    amount: Number = Field(description="Not zero; below it for a credit that has not come")
    currency: CurrencyCode
    reason: Reason
    expected_from: Name | None = Field(
        default=None, description="The source whose invoice is missing", examples=["aws"]
    )
    reverses_in: PeriodText | None = Field(default=None, description="By default the period after `period`")
    external_id: ExternalId | None = None


class AccrualReverse(Body):
    period: PeriodText | None = Field(
        default=None, description="By default the earliest open period from the accrual's own on"
    )
    reason: Reason


class EntryRead(Read):
    id: UUID
    amount: DecimalString
    currency: str
    external_id: ExternalId | None
    created_at: datetime.datetime

    @model_validator(mode="before")
    @classmethod
    def _from_columns(cls, row: Any) -> Any:
        """The dimensions stand beside the rest, as they came."""
        names = set(cls.model_fields) - {"external_id"}
        values = {name: getattr(row, name) for name in names if hasattr(row, name)}
        system = row.external_system
        external = None if system is None else {"system": system, "id": row.external_id}
        return {**getattr(row, "dimensions", {}), **values, "external_id": external}


class DimensionsRead(EntryRead):
    service_name: str
    account: str | None
    cost_centre: str | None
    service_category: str | None
    provider_name: str | None
    sub_account_id: str | None
    resource_id: str | None
    tags: dict[str, str]


class AccrualRead(DimensionsRead):
    period: str
    reason: str
    expected_from: str | None
    reverses_in: str = Field(description="Where the negative rows are booked; the two sum to zero")
    reversal_id: UUID = Field(description="What those rows go by")
    reversed_early_at: datetime.datetime | None
    reversal_reason: str | None


class ScheduleCreate(Dimensions):
    """A prepaid or capital cost and over what it is spread: so many `periods`, or through `end_date`."""

    amount: Number = Field(description="Above zero")
    currency: CurrencyCode
    first_period: PeriodText
    periods: int | None = Field(default=None, ge=1, le=600)
    end_date: RateDate | None = Field(default=None, description="The last day that it covers")
    start_date: RateDate | None = Field(default=None, description="By days: the first day that it covers")
    method: Method = Method.STRAIGHT_LINE
    by: By = Field(default=By.PERIODS, description="Whether each period, or each covered day, bears the same")
    description: Name
    catch_up: bool = Field(default=False, description="Book the shares of closed periods in the earliest open one")
    external_id: ExternalId | None = None


class ScheduleRetire(Body):
    period: PeriodText | None = Field(
        default=None, description="By default the present period, or the earliest open one after it"
    )
    reason: Reason


class ScheduleRead(DimensionsRead):
    state: str = Field(description="active or retired")
    method: Method
    by: By
    first_period: str
    last_period: str
    first_day: datetime.date
    last_day: datetime.date
    description: str
    retired_in: str | None
    write_off_id: UUID | None
    written_off: DecimalString | None
    retirement_reason: str | None


class ShareRead(Read):
    period: str = Field(description="In which it is booked")
    amount: DecimalString
    description: str
    in_force: bool = Field(description="False for a share that a write-off has replaced")
    closed: bool


class ScheduleDetail(Read):
    schedule: ScheduleRead
    shares: list[ShareRead] = Field(description="Those in force add up to the amount")


class EntryKind(StrEnum):
    CORRECTION = "correction"
    CREDIT = "credit"


class EntryLine(Dimensions):
    amount: Number = Field(description="Signed, not zero; below it in a credit")
    description: Name | None = None


class Corrected(Body):
    """What the entry corrects: an import or one line of it, or another entry."""

    import_id: UUID | None = None
    line: int | None = Field(default=None, ge=1, le=2**53)
    entry_id: UUID | None = None


class CostEntryCreate(Body):
    kind: EntryKind
    period: PeriodText
    currency: CurrencyCode
    lines: list[EntryLine] = Field(min_length=1, max_length=500)
    reason: Reason
    corrects: Corrected | None = None
    external_id: ExternalId | None = None


class CostEntryReverse(Body):
    period: PeriodText | None = Field(
        default=None, description="By default the earliest open period from the entry's own on"
    )
    reason: Reason


class EntryLineRead(Read):
    amount: DecimalString
    description: str | None
    service_name: str
    account: str | None
    cost_centre: str | None
    service_category: str | None
    provider_name: str | None
    sub_account_id: str | None
    resource_id: str | None
    tags: dict[str, str]


class CorrectedRead(Read):
    import_id: UUID | None = None
    line: int | None = None
    entry_id: UUID | None = None


class CostEntryRead(EntryRead):
    kind: EntryKind
    period: str
    lines: list[EntryLineRead]
    reason: str
    corrects: CorrectedRead | None
    reverses: UUID | None = Field(description="The entry that this one takes back")
    reversed_by: UUID | None
