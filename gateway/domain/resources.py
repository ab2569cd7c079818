"""Where the thing that an event is about can be read, behind the gateway."""

from uuid import UUID

# (service, aggregate) as in `itaas.<service>.<aggregate>.<fact>.v<N>`, to the path of the event's subject.
# tests/gateway/test_resources.py holds each path to the services' own documents.
PATHS = {
    ("catalog", "service"): "/catalog/v1/services/{}",
    ("catalog", "offering"): "/catalog/v1/offerings/{}",
    ("demand", "business-unit"): "/demand/v1/business-units/{}",
    ("demand", "demand"): "/demand/v1/demands/{}",
    ("demand", "order"): "/demand/v1/orders/{}",
    ("demand", "subscription"): "/demand/v1/subscriptions/{}",
    ("pricing", "quote"): "/pricing/v1/quotes/{}",
    ("pricing", "budget"): "/pricing/v1/budgets/{}",
    ("pricing", "statement"): "/pricing/v1/statements/{}",
    ("pricing", "dispute"): "/pricing/v1/disputes/{}",
    ("pricing", "credit-note"): "/pricing/v1/credit-notes/{}",
    ("pricing", "unit-cost"): "/pricing/v1/unit-costs?service_id={}",
    ("pricing", "price"): "/pricing/v1/price-plans?offering_id={}",
    ("feedback", "survey"): "/feedback/v1/invitations/{}",
    ("feedback", "score"): "/feedback/v1/scores?service_id={}",
    ("feedback", "thread"): "/feedback/v1/threads/{}",
    ("feedback", "theme"): "/feedback/v1/themes/{}",
    ("feedback", "improvement"): "/feedback/v1/improvements/{}",
}


def resource_path(event_type: str, subject: UUID) -> str | None:
    """The path of what the event is about; None where it cannot be read by itself."""
    parts = event_type.split(".")
    if len(parts) < 3:
        return None
    path = PATHS.get((parts[1], parts[2]))
    return None if path is None else path.format(subject)
