"""Signals that end a run: SIGINT, SIGTERM and SIGHUP become an exception, once, whatever is going on.

This module imports next to nothing: it is there before anything that takes long is imported.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Any

# What each is called; Windows has no SIGHUP.
ENDINGS = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "hung up"}
# Seconds between two times that a run is told.
AGAIN = 0.05
# Claims places and lets go of them, in steps that are short, and would leave something behind if one were left out.
# What is done in a place lies between: a generator that waits is not on the stack.
IN_ONE = "poseda_cli.storage.claim"


class Stopped(BaseException):
    """A signal has ended the run; temporary folders are cleaned up on its way out.

    No KeyboardInterrupt, of which libraries make what they like.

    Parameters
    ----------
    number : of the signal
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def exit_code(self) -> int:
        """As shells have it."""
        return 128 + self.number

    @property
    def reason(self) -> str:
        """In a word."""
        return ENDINGS[signal.Signals(self.number).name]


# The signal that ends the run, once there was one.
_told: list[int] = []


def listen() -> None:
    """Have signals raise `Stopped` in the main thread; those that the parent has us ignore (nohup) stay ignored."""
    for name in ENDINGS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
            signal.signal(number, _stop)
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, _raise)
    sys.unraisablehook = _swallowed


def end_listening() -> None:
    """Have signals change nothing any more: the exit code is known, and the process about to end."""
    if hasattr(signal, "SIGALRM"):
        signal.setitimer(signal.ITIMER_REAL, 0)
    for name in ENDINGS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def stopped() -> Stopped | None:
    """What ends the run, where a library has made something else of it; None if nothing does."""
    return Stopped(_told[0]) if _told else None


def _stop(number: int, frame: FrameType | None) -> None:
    # What comes later would only interrupt the cleaning up.
    if not _told:
        _told.append(number)
        if hasattr(signal, "SIGALRM"):
            signal.setitimer(signal.ITIMER_REAL, AGAIN, AGAIN)
        _raise(number, frame)


def _raise(number: int, frame: FrameType | None) -> None:
    """Raise what was told, and again where that has led to nothing.

    It may have come while Python ran a callback whose exceptions it swallows (h5py has many), or in C code that makes
    another error of it, or none.
    """
    if _told and not _in_one(frame) and not _cleaning_up():
        raise Stopped(_told[0])


def _in_one(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_globals.get("__name__") != IN_ONE:
        frame = frame.f_back
    return frame is not None


def _cleaning_up() -> bool:
    error = sys.exc_info()[1]
    while error is not None and not isinstance(error, Stopped):
        error = error.__context__
    return error is not None


def _swallowed(event: Any) -> None:
    if event.exc_type is not Stopped:
        sys.__unraisablehook__(event)
