"""What services are meant to recover of their cost."""

from decimal import Decimal

from sqlalchemy.orm import Mapped, mapped_column

from pricing_service.domain.strategy import DEFAULT_TOLERANCE, WHOLE, Strategy, StrategyKind
from pricing_service.tables.base import Base
from services.db import Aggregate, ExactDecimal


class PricingStrategy(Aggregate, Base):
    """Its id is the service's. One without a row recovers its cost."""

    __tablename__ = "pricing_strategy"

    strategy: Mapped[str]
    target_recovery_percentage: Mapped[Decimal] = mapped_column(ExactDecimal, default=WHOLE)
    tolerance_percentage_points: Mapped[Decimal] = mapped_column(ExactDecimal, default=DEFAULT_TOLERANCE)

    @property
    def service_id(self) -> object:
        return self.id

    @property
    def rule(self) -> Strategy:
        return Strategy(StrategyKind(self.strategy), self.target_recovery_percentage, self.tolerance_percentage_points)
