"""Jobs in processes of their own, which begin as copies of this one: what it has read is theirs, too, and not copied.

Whatever becomes of such a process, out of memory included, this one goes on; when this one ends, they end.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, NoReturn

from poseda_cli.errors import PosedaError
from poseda_cli.signals import ENDINGS, Stopped

Message = dict[str, Any]
Send = Callable[[Message], None]
# What a child says last: what came of its work, or why nothing did.
RESULT, ERROR = "result", "error"
# Seconds that children have to clean up.
PATIENCE, PAUSE = 0.7, 0.01
PIECE = 1 << 16
# Of Linux' prctl.
PR_SET_PDEATHSIG = 1


class News(NamedTuple):
    """Something from a child: a message, or None when it is over; `code` is then its exit code, or minus a signal."""

    child: int
    message: Message | None
    code: int = 0


class Children:
    """Processes that work, and what they say.

    As a context, it ends them all when the block ends, however it does.
    """

    def __init__(self) -> None:
        self._pipes: dict[int, int] = {}  # by process
        self._rests: dict[int, bytes] = {}
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> Children:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._selector.close()

    def __len__(self) -> int:
        return len(self._pipes)

    def start(self, work: Callable[[Send], Message]) -> int:
        """Begin some work; the number of its process.

        Parameters
        ----------
        work : given what sends messages, it returns the result
        """
        reading, writing = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        with _undisturbed() as disturb:
            child = _fork()
            if child == 0:
                os.close(reading)
                _work(work, writing, parent, disturb)
            self._pipes[child] = reading
        os.close(writing)
        self._rests[child] = b""
        self._selector.register(reading, selectors.EVENT_READ, child)
        return child

    def news(self) -> Iterator[News]:
        """What children say next; waits for that."""
        for key, _ in self._selector.select():
            child, pipe = key.data, key.fd
            piece = os.read(pipe, PIECE)
            *lines, self._rests[child] = (self._rests[child] + piece).split(b"\n")
            for line in lines:
                yield News(child, json.loads(line))
            if not piece:
                yield News(child, None, self._over(child))

    def _over(self, child: int) -> int:
        """Wait for a child that says no more; how it ended."""
        # Or a signal might come between, and a process that is no more be waited for again.
        with _undisturbed():
            _, status = os.waitpid(child, 0)
            pipe = self._pipes.pop(child)
            self._selector.unregister(pipe)
            os.close(pipe)
        return os.waitstatus_to_exitcode(status)

    def end(self) -> None:
        """End those that still work; they clean up, if that takes no longer than `PATIENCE`."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for child in self._pipes:
                with suppress(ProcessLookupError):
                    os.kill(child, number)
            until = time.monotonic() + PATIENCE
            while self._pipes and time.monotonic() < until:
                for child in list(self._pipes):
                    if os.waitpid(child, os.WNOHANG)[0]:
                        os.close(self._pipes.pop(child))
                time.sleep(PAUSE if self._pipes else 0)


def told(error: Exception) -> str:
    """What a user is told of an error that has ended a job."""
    if isinstance(error, PosedaError):
        return str(error)
    if isinstance(error, MemoryError):
        return "not enough memory for these poses; try subjects or stride."
    from poseda_cli.commands.fault import report

    return report(error).removeprefix("error: ")


@contextmanager
def _undisturbed() -> Iterator[Callable[[], None]]:
    """No signal ends the run in the block; yields what ends that before the block does."""
    numbers = [getattr(signal, name) for name in ENDINGS if hasattr(signal, name)] + [signal.SIGALRM]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)

    def disturb() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    try:
        yield disturb
    finally:
        disturb()


def _fork() -> int:
    with warnings.catch_warnings():
        # Of threads that compute nothing now.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _work(work: Callable[[Send], Message], pipe: int, parent: int, disturb: Callable[[], None]) -> NoReturn:
    """The life of a child."""
    code = 1

    def send(message: Message) -> None:
        os.write(pipe, json.dumps(message).encode() + b"\n")

    try:
        _end_with(parent)
        disturb()
        try:
            answer: Message = {RESULT: work(send)}
        except Exception as error:
            answer = {ERROR: told(error)}
        send(answer)
        code = 0
    except Stopped as stopped:
        code = stopped.exit_code
    finally:
        os._exit(code)


def _end_with(parent: int) -> None:
    """Have the system end this process when the parent is killed: what it has begun would be in the next run's way."""
    import ctypes

    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
