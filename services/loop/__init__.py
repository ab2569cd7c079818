"""The value loop, driven over HTTP as its people would, from knowing the unit to the next revision of the service.

Every figure that is printed is checked on the way: sums against their parts, events against the steps that must
have caused them. `drive_loop` raises LoopFailed at the first thing that is missing or wrong.

    run      what every step uses: requests that survive a restart, patience, checks
    ask      know, offer, ask, counsel, price, approve, deliver
    charge   costs, allocation, usage, statement
    listen   survey, score, comment, theme, improvement, revision
    thread   all of it read back from the events
"""

from services.loop.ask import approve, ask, deliver, know, others_ask, price
from services.loop.charge import charge, cost
from services.loop.listen import improve, listen
from services.loop.run import ClientFor, Echo, Loop, LoopFailed
from services.loop.thread import read_back

__all__ = ["LoopFailed", "drive_loop"]


async def drive_loop(client_for: ClientFor, echo: Echo) -> None:
    """Drive one value loop. Raises LoopFailed."""
    loop = Loop(client_for, echo)
    echo(f"thread    {loop.thread}")
    steps = (know, cost, ask, price, approve, deliver, others_ask, charge, listen, improve, read_back)
    for step in steps:
        await step(loop)
