"""What the catalogue listens to, a module per app."""

from catalog_service.consumers import campaigns, demand, feedback, lead_times, pricing
from services.events import Consumers

consumers = Consumers()
for heard in (campaigns.consumers, demand.consumers, feedback.consumers, lead_times.consumers, pricing.consumers):
    consumers.extend(heard)
