"""Bodies of facets."""

from pydantic import Field

from services.http import Read


class FacetValueRead(Read):
    value: str = Field(description="What the filter of the facet's name takes")
    name: str
    count: int = Field(description="Offerings that the filter would leave")


class FacetNodeRead(FacetValueRead):
    parent_id: str | None = Field(description="The node above; its count holds this one's")


class FacetsRead(Read):
    """The most frequent values first, up to 100 of each facet."""

    total: int = Field(description="Offerings that the list would show")
    service: list[FacetValueRead]
    taxonomy_node: list[FacetNodeRead] = Field(description="Each with what is below it")
    capability: list[FacetValueRead]
    tier: list[FacetValueRead]
    state: list[FacetValueRead]
    commitment: list[FacetValueRead]
    audience: list[FacetValueRead] = Field(description="`everyone`, `business_unit:<id>`, `role:<role>`")
