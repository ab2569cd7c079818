"""What the catalogue's bodies are made of."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from services.http import Body, ExternalId

# One line with something in it; text without NUL, which PostgreSQL cannot store.
LINE = r"^[^\x00-\x1f]*[^\x00-\x20][^\x00-\x1f]*$"
_SAID = r"^[^\x00]*[^\x00\s][^\x00]*$"
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=LINE)]
Text = Annotated[str, Field(max_length=10_000, pattern=r"^[^\x00]*$")]
Sentence = Annotated[str, Field(min_length=1, max_length=2_000, pattern=_SAID)]
Unit = Annotated[str, Field(min_length=1, max_length=40, pattern=LINE, examples=["server", "GB"])]
PersonId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$", description="An opaque person_id")]
Key = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$", examples=["build"])]
ExternalIds = Annotated[list[ExternalId], Field(max_length=20)]


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("must say its time zone")
    if not 1970 <= moment.year <= 2200:
        raise ValueError("must lie between 1970 and 2200")
    return moment.astimezone(UTC)


Instant = Annotated[datetime, AfterValidator(_utc), Field(examples=["2027-01-01T00:00:00Z"])]


def _no_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


def unchanged() -> Any:
    """The default of a field that a PATCH may leave out, but not set to null."""
    return Field(default=None, json_schema_extra=_no_default)


class Reason(Body):
    reason: Sentence = Field(examples=["The design is complete."])
