"""What the catalogue's tables stand on."""

from enum import StrEnum

from sqlalchemy import Enum
from sqlalchemy.orm import DeclarativeBase

from services.db import new_metadata


class Base(DeclarativeBase):
    metadata = new_metadata()


def state_column(states: type[StrEnum]) -> Enum:
    """Stored as its value in plain text: a state added later needs no migration."""
    return Enum(states, native_enum=False, length=30, values_callable=lambda kind: [state.value for state in kind])
