"""How services are named outside: their place in FOCUS's list."""

from sqlalchemy.orm import Mapped

from pricing_service.tables.base import Base
from services.db import Aggregate


class ServiceClassification(Aggregate, Base):
    """Its id is the service's. A service without one is "Other"."""

    __tablename__ = "service_classification"

    category: Mapped[str]
    subcategory: Mapped[str]
