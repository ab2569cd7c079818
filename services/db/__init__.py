"""Storage: one database per app, on PostgreSQL or SQLite, with the same behaviour on both."""

from services.db.aggregate import Aggregate, Projection, new_metadata, touch
from services.db.database import Database
from services.db.types import ExactDecimal, JsonDocument, UtcInstant, exact_sum

__all__ = [
    "Aggregate",
    "Database",
    "ExactDecimal",
    "JsonDocument",
    "Projection",
    "UtcInstant",
    "exact_sum",
    "new_metadata",
    "touch",
]
