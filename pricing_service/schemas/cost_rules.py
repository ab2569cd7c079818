"""Conditions on cost rows, as pools, sources and views write them."""

from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from pricing_service.domain.cost_rules import OWN_DIMENSIONS, is_column
from services.http import Body

TagKey = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r'^[^"\\\x00-\x1f]+$')]
Text = Annotated[str, StringConstraints(max_length=2048, pattern=r"^[^\x00]*$")]
TESTS = ("equals", "one_of", "prefix", "present")


def _known(column: str) -> str:
    if not is_column(column):
        raise ValueError(f"must be a FOCUS column, x_…, or one of {', '.join(OWN_DIMENSIONS)}")
    return column


Column = Annotated[
    str, StringConstraints(max_length=140), AfterValidator(_known), Field(examples=["ServiceName", "account"])
]


class CostRule(Body):
    """One test of one column or tag of a row; `in` asks for one of several values, `present` for any or none."""

    model_config = ConfigDict(extra="forbid", str_max_length=20_000, populate_by_name=True, serialize_by_alias=True)

    column: Column | None = None
    tag: TagKey | None = None
    equals: Text | None = None
    one_of: list[Text] | None = Field(None, alias="in", min_length=1, max_length=500)
    prefix: Annotated[Text, StringConstraints(min_length=1)] | None = None
    present: bool | None = None

    @model_validator(mode="after")
    def one_of_each(self) -> Self:
        if (self.column is None) == (self.tag is None):
            raise ValueError("name either a column or a tag")
        if sum(getattr(self, test) is not None for test in TESTS) != 1:
            raise ValueError("test for exactly one of equals, in, prefix and present")
        return self
