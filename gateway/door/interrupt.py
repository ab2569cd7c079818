"""Ending one's own task from a callback, and knowing afterwards that it was us."""

import asyncio


class Interrupt:
    """Called, it cancels the task that made it. In that task's `except CancelledError`, `took_place()` tells this
    cancellation from anyone else's, which has to go on (as `asyncio.timeout` does it)."""

    __slots__ = ("_called", "_cancelling", "_task")

    def __init__(self) -> None:
        task = asyncio.current_task()
        assert task is not None, "an interrupt belongs to a running task"
        self._task = task
        self._cancelling = task.cancelling()
        self._called = False

    def __call__(self) -> None:
        if not self._called:
            self._called = True
            self._task.cancel()

    def took_place(self) -> bool:
        return self._called and self._task.uncancel() <= self._cancelling
