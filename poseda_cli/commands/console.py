"""Streams, progress and errors: results on stdout, everything else on stderr."""

from __future__ import annotations

import codecs
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from poseda_cli._version import VERSION
from poseda_cli.errors import InputError, OutputError, PosedaError, UsageError
from poseda_cli.progress import BYTES, POSES, silent

FAULT, USAGE, INPUT, OUTPUT, INTERRUPTED, TERMINATED = 1, 2, 3, 4, 130, 143
# Seconds without anything new on the terminal before a bar is drawn.
DELAY = 0.5


class Terminated(BaseException):
    """SIGTERM, so that temporary folders are cleaned up on the way out."""


class Console:
    """What a run says, and how loudly.

    Parameters
    ----------
    quiet : errors only
    verbose : details of what was inferred, and tracebacks
    """

    def __init__(self, quiet: bool = False, verbose: bool = False) -> None:
        self.quiet = quiet
        self.verbose = verbose
        self.listening = True
        self._seen = time.monotonic()
        self._bar: Any = None  # the one that is drawn

    def say(self, text: str) -> None:
        """A line about the run, on stderr."""
        if not self.quiet:
            print(text, file=sys.stderr)  # noqa: T201
            self._seen = time.monotonic()

    def result(self, text: str) -> None:
        """What was asked for, on stdout; `| head` may have gone away, which is no error: see `listening`."""
        try:
            print(text, flush=True)  # noqa: T201
            self._seen = time.monotonic()
        except BrokenPipeError:
            # Python flushes once more at exit, and must not complain either.
            _close_stdout()
            self.listening = False
        except OSError as error:
            _close_stdout()
            raise OutputError(f"standard output: {(error.strerror or str(error)).lower()}.") from error

    def result_json(self, value: Any) -> None:
        """A JSON document on stdout."""
        from poseda_cli.json_text import json_text

        self.result(json_text(value))

    @contextmanager
    def progress(self, label: str, total: int, unit: str = POSES) -> Iterator[Callable[[int], object]]:
        """A bar on stderr that counts poses or bytes; silent where stderr is no terminal, and with --quiet.

        It appears once nothing new was seen for `DELAY`. There is one line: that of the stage inside, if there is one.
        """
        if self.quiet or not sys.stderr.isatty():
            with silent(label, total, unit) as advance:
                yield advance
            return
        from tqdm import tqdm

        around = self._bar
        # No delay at all would draw the bar before anything is done.
        delay = max(self._seen + DELAY - time.monotonic(), 1e-9)
        with tqdm(
            total=total,
            desc=label,
            unit="B" if unit == BYTES else f" {unit}",
            unit_scale=True,
            unit_divisor=1024 if unit == BYTES else 1000,
            leave=False,
            delay=delay,
            dynamic_ncols=True,
            miniters=1,  # else a stage that slows down is only drawn after as many poses as came at once before
            position=0,
        ) as bar:

            def advance(done: int) -> None:
                if self._bar is bar:
                    bar.update(done)
                else:
                    bar.n += done

            self._bar = bar
            try:
                yield advance
            finally:
                self._bar = around


def run(app: Callable[[], object]) -> NoReturn:
    """Run the command line and leave with the documented exit code."""
    # A closed stream is None here; print would take stdout for stderr then.
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115  (for as long as we run)
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115  (for as long as we run)
    signal.signal(signal.SIGTERM, _terminate)
    signal.signal(signal.SIGALRM, _again)
    sys.unraisablehook = _swallowed
    codecs.register_error("poseda", _as_it_can_be)
    sys.stdout.reconfigure(errors="poseda")  # type: ignore[union-attr]
    try:
        app()
        sys.exit(0)
    except PosedaError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(_exit_code(error))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201
        sys.exit(INTERRUPTED)
    except Terminated:
        print("terminated", file=sys.stderr)  # noqa: T201
        sys.exit(TERMINATED)
    except MemoryError:
        print("error: not enough memory for these poses; try --subjects or --stride.", file=sys.stderr)  # noqa: T201
        sys.exit(INPUT)
    except Exception as error:
        _report_fault(error)
        sys.exit(FAULT)


def _as_it_can_be(error: UnicodeError) -> tuple[str | bytes, int]:
    """Names of files are bytes, and are written as such; what a terminal has no sign for is written in ASCII."""
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)


def _close_stdout() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _exit_code(error: PosedaError) -> int:
    kinds = ((UsageError, USAGE), (InputError, INPUT), (OutputError, OUTPUT))
    return next((code for kind, code in kinds if isinstance(error, kind)), FAULT)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated


# A signal may arrive while Python runs a callback whose exceptions it swallows (h5py has many: weak
# references to its objects). The run would then go on to its end as if nothing had been said. So a
# swallowed interruption is raised once more, by a timer.
_lost: list[type[BaseException]] = []


def _swallowed(event: sys.UnraisableHookArgs) -> None:
    if event.exc_type in (KeyboardInterrupt, Terminated):
        _lost.append(event.exc_type)
        signal.setitimer(signal.ITIMER_REAL, 0.02)
    else:
        sys.__unraisablehook__(event)


def _again(number: int, frame: FrameType | None) -> None:
    if _lost:
        raise _lost.pop()


def _report_fault(error: Exception) -> None:
    """A fault of ours: short here, the details in a file."""
    import tempfile
    import traceback

    details = "".join(traceback.format_exception(error))
    text = f"poseda {VERSION}, Python {sys.version}\n{sys.argv}\n\n{details}"
    if {"-v", "--verbose"} & set(sys.argv):
        print(details, file=sys.stderr)  # noqa: T201
    with tempfile.NamedTemporaryFile("w", prefix="poseda-fault-", suffix=".txt", delete=False) as file:
        file.write(text)
    where = Path(file.name)
    print(  # noqa: T201
        f"error: poseda failed ({type(error).__name__}: {error}). This is a fault of ours; the details are in {where}. "
        "Please report it with that file.",
        file=sys.stderr,
    )
