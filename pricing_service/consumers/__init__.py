"""What pricing listens to, one module per publisher."""

from pricing_service.consumers import catalog, commitments, demand, usage
from pricing_service.consumers.group import consumers

__all__ = ["catalog", "commitments", "consumers", "demand", "usage"]
