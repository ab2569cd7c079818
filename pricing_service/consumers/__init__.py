"""What pricing listens to, one module per publisher."""

from pricing_service.consumers import catalog, demand, usage
from pricing_service.consumers.group import consumers

__all__ = ["catalog", "consumers", "demand", "usage"]
