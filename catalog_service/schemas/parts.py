"""What the catalogue's bodies are made of."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

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


def _attribute(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) <= 2**53:
        return value
    if isinstance(value, str) and len(value) <= 200 and "\0" not in value:
        return value
    raise ValueError("must be a string of up to 200 characters, a whole number up to 2^53, or true or false")


Attribute = Annotated[bool | int | str, BeforeValidator(_attribute)]


def _no_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


def unchanged() -> Any:
    """The default of a field that a PATCH may leave out, but not set to null."""
    return Field(default=None, json_schema_extra=_no_default)


class Reason(Body):
    reason: Sentence = Field(examples=["The design is complete."])
