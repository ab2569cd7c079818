"""What pricing listens to; each module of this package registers its functions here."""

from services.events import Consumers

consumers = Consumers()
