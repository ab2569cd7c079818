"""The garbage collector of a process that serves.

Half a million objects make up an app, and none of them is ever freed; yet a full collection walks them all, and a
request that reads a few thousand JSON objects brings on several. So once an app is up they are set aside, and what
requests make, which reference counting frees as a rule, is looked at in larger portions (ADR-0016: this took half of
the time of a batch of usage).
"""

import gc


def settle() -> None:
    """Call it once, when the process is ready to serve; never in tests, where apps come and go."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
