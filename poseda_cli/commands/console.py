"""Streams, progress and errors: results on stdout, everything else on stderr."""

from __future__ import annotations

import atexit
import codecs
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TextIO

from poseda_cli.errors import InputError, OutputError, PosedaError, UsageError
from poseda_cli.progress import BYTES, POSES, silent
from poseda_cli.signals import Stopped, end_listening, listen
from poseda_cli.signals import stopped as signalled

FAULT, USAGE, INPUT, OUTPUT, FAILED_JOBS, HUNG_UP, INTERRUPTED, TERMINATED = 1, 2, 3, 4, 5, 129, 130, 143
# Seconds without anything new on the terminal before a bar is drawn.
DELAY = 0.5


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
            tell(text)
            self._seen = time.monotonic()

    def result(self, text: str) -> None:
        """What was asked for, on stdout; `| head` may have gone away, which is no error: see `listening`."""
        try:
            print(text, flush=True)  # noqa: T201
            self._seen = time.monotonic()
        except BrokenPipeError:
            # Python flushes once more at exit, and must not complain either.
            _close(sys.stdout)
            self.listening = False
        except OSError as error:
            _close(sys.stdout)
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
    listen()
    try:
        _prepare_streams()
        code = _exit_code_of(app)
    except Stopped as stopped:
        leave(stopped)
    end_listening()
    sys.exit(code)


def leave(stopped: Stopped) -> NoReturn:
    """Say that a signal has ended the run, and leave; threads that still compute are not waited for."""
    end_listening()
    # Blocks that were just being entered or left are in frames of it alone; they are cleaned up as those go.
    stopped.__traceback__ = stopped.__context__ = None
    tell(stopped.reason)
    atexit._run_exitfuncs()
    os._exit(stopped.exit_code)


def tell(text: str) -> None:
    """A line on stderr; if nobody can hear it (`2> /dev/full`, a terminal that is gone), nothing is said any more."""
    try:
        print(text, file=sys.stderr, flush=True)  # noqa: T201
    except OSError:
        # Python flushes once more at exit.
        _close(sys.stderr)


def _exit_code_of(app: Callable[[], object]) -> int:
    try:
        app()
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 0
    except Exception as error:
        if stopped := signalled():
            raise stopped from None
        return _told(error)
    return 0


def _told(error: Exception) -> int:
    """Tell of an error; the exit code that it has."""
    if isinstance(error, PosedaError):
        tell(f"error: {error}")
        kinds = ((UsageError, USAGE), (InputError, INPUT), (OutputError, OUTPUT))
        return next((code for kind, code in kinds if isinstance(error, kind)), FAULT)
    if isinstance(error, MemoryError):
        tell("error: not enough memory for these poses; try --subjects or --stride.")
        return INPUT
    if isinstance(error, FileNotFoundError) and not _is_somewhere():
        tell("error: the working directory is not there any more; go to another, or name all paths from the root.")
        return INPUT
    from poseda_cli.commands.fault import report

    tell(report(error))
    return FAULT


def _is_somewhere() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return False
    return True


def _prepare_streams() -> None:
    """Have three streams, whatever the parent has closed, and names of files printed as they are."""
    # Else a file of ours gets the number of the closed stream, and with it what C libraries print.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    # A closed stream is None here; print would take stdout for stderr then.
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115  (for as long as we run)
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115  (for as long as we run)
    codecs.register_error("poseda", _as_it_can_be)
    sys.stdout.reconfigure(errors="poseda")  # type: ignore[union-attr]


def _as_it_can_be(error: UnicodeError) -> tuple[str | bytes, int]:
    """Names of files are bytes, and are written as such; what a terminal has no sign for is written in ASCII."""
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)


def _close(stream: TextIO) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
