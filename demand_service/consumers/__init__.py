"""What demand listens to, a module per room."""

from demand_service.consumers import core
from services.events import Consumers

consumers = Consumers()
for heard in (core.consumers,):
    consumers.extend(heard)
