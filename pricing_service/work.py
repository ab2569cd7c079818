"""The jobs and timers of pricing; the use cases register their handlers here."""

from services.work import Jobs, Timers

jobs = Jobs()
timers = Timers()
