"""The four capabilities behind the door, in the order in which people meet them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capability:
    """`name` is the service's, and with a slash before it the prefix of its routes."""

    name: str
    title: str
    sentence: str

    @property
    def prefix(self) -> str:
        return f"/{self.name}"


CAPABILITIES = (
    Capability(
        "catalog", "Catalogue", "What IT provides: services, their revisions, and the offerings that can be asked for."
    ),
    Capability(
        "demand", "Demand", "What business units need: demands from the first idea to the running subscription."
    ),
    Capability("pricing", "Pricing", "What it costs and who pays: costs, prices, quotes, budgets, usage, statements."),
    Capability("feedback", "Feedback", "What people say about it, and the improvements that come of it."),
)
