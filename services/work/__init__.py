"""Work that outlives a request: jobs with progress, and timers. Both are leased rows in the owner's database."""

from services.work.jobs import JobRun, Jobs
from services.work.timers import Timers
from services.work.worker import Worker

__all__ = ["JobRun", "Jobs", "Timers", "Worker"]
