"""What demand listens to, a module per room."""

from demand_service.consumers import assessment, core
from services.events import Consumers

consumers = Consumers()
for heard in (core.consumers, assessment.consumers):
    consumers.extend(heard)
