"""How a business unit is billed and what its money is booked on, each dated by the period from which it counts."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pricing_service.tables.base import Base
from services.db import Aggregate, ExactDecimal, JsonDocument


class Dated(Aggregate):
    """Mixin: the row with the newest `effective_day` on or before a period's first day counts in that period."""

    effective_from: Mapped[str]  # a period's name
    effective_day: Mapped[date]  # its first day


class BillingProfile(Dated, Base):
    __tablename__ = "billing_profile"
    __table_args__ = (UniqueConstraint("business_unit_id", "effective_from"),)

    business_unit_id: Mapped[UUID]
    mode: Mapped[str]
    cost_centre: Mapped[str | None]
    legal_entity: Mapped[str | None]
    tax_code: Mapped[str | None]


class BillingProvider(Dated, Base):
    """IT's own side: who recovers the cost, and on which accounts."""

    __tablename__ = "billing_provider"
    __table_args__ = (UniqueConstraint("effective_from"),)

    legal_entity: Mapped[str]
    cost_centre: Mapped[str]
    recovery_account: Mapped[str]
    charge_account: Mapped[str]


class IntercompanyAccounts(Dated, Base):
    """What is booked between IT's legal entity and another one; the first of `taxes` is the default."""

    __tablename__ = "intercompany_accounts"
    __table_args__ = (
        UniqueConstraint("provider_entity", "consumer_entity", "effective_from", name="uq_intercompany_accounts_pair"),
    )

    provider_entity: Mapped[str]
    consumer_entity: Mapped[str]
    receivable_account: Mapped[str]
    payable_account: Mapped[str]
    taxes: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)


class ServiceCreditRule(Dated, Base):
    """What an offering credits where it misses a commitment; no band left means none from then on."""

    __tablename__ = "service_credit_rule"
    __table_args__ = (
        UniqueConstraint("offering_id", "commitment", "effective_from", name="uq_service_credit_rule_commitment"),
    )

    offering_id: Mapped[UUID]
    commitment: Mapped[str]
    bands: Mapped[list[dict[str, str]]] = mapped_column(JsonDocument)
    cap_percent: Mapped[Decimal] = mapped_column(ExactDecimal)
