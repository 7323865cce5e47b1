"""What the processes of an installation have in common: how they end, and how they use memory."""

import gc
import os
import signal
from collections.abc import Callable

STOPPING = (signal.SIGINT, signal.SIGTERM)
_OBJECTS_A_COLLECTION = 100_000


def stop(*_: object) -> None:
    """The handler of a signal that ends a process in order."""
    for number in STOPPING:  # once is enough: what follows takes seconds and must not be cut short
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def end_after(wait: Callable[[], object]) -> None:
    """End this process, in order, once `wait` returns."""
    wait()
    os.kill(os.getpid(), signal.SIGTERM)


def collect_later() -> None:
    """Until `collect_seldom`: starting makes hundreds of thousands of objects and no garbage, and looking for some took
    a quarter of the time.
    """
    gc.disable()


def collect_seldom() -> None:
    """Bulk requests make hundreds of thousands of short-lived objects; looking through them every few hundred took a
    third of their time.
    """
    gc.freeze()
    gc.set_threshold(_OBJECTS_A_COLLECTION, 20, 20)
    gc.enable()
