"""The jobs and timers of demand; the use cases register their handlers here."""

from services.work import Jobs, Timers

jobs = Jobs()
timers = Timers()
