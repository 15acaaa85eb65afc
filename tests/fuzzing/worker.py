"""A process that runs cases under limits, and says of each what came of it."""

from __future__ import annotations

import contextlib
import faulthandler
import resource
import sys
import tempfile
import traceback
import unicodedata
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path, PurePath
from random import Random
from typing import NamedTuple

from poseda_cli.errors import AmbiguousLayoutError, PosedaError, UnknownLayoutError
from tests.fuzzing.corpus import Files, write_files

# What a process says before its first case.
READY = "ready"
READ, REFUSED, FINDING, CRASH = "read", "refused", "finding", "library"
# Beyond what the process has once it stands.
MEMORY = 2 << 30
LONGEST_MESSAGE, MOST_LINES = 3000, 2
TURNS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
# The folder that a case lies in.
FOLDER = "archive"

Case = Callable[[str, int], tuple[Files, Random]]
Reader = Callable[[Path, str, Random], None]


class Outcome(NamedTuple):
    """What came of a case.

    kind : READ, REFUSED, FINDING or CRASH
    text : the message of what was refused, or what was found
    """

    kind: str
    text: str = ""


def serve(pipe: Connection, case: Case, reader: Reader, last_words: Path) -> None:
    """Run the cases that come through a pipe, until it closes; a process that is killed says where it was in a file."""
    stream = last_words.open("w")
    faulthandler.enable(stream)
    limit_memory()
    pipe.send(READY)
    with contextlib.suppress(EOFError):
        while True:
            layout, seed = pipe.recv()
            pipe.send(run_case(layout, seed, case, reader))


def limit_memory() -> None:
    """From here on this process may take so much more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run_case(layout: str, seed: int, case: Case, reader: Reader) -> Outcome:
    """Make a case, read it, and judge what came of it."""
    try:
        files, rng = case(layout, seed)
    except Exception:
        return Outcome(FINDING, f"the fuzzer itself failed\n{traceback.format_exc()}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, FOLDER)
        folder.mkdir()
        write_files(files, folder)
        return judge(folder, layout, rng, reader)


def judge(folder: Path, layout: str, rng: Random, reader: Reader) -> Outcome:
    """Read what lies in a folder: a value, or an error that a user can read, and no warning."""
    with _complaints() as complaints:
        try:
            reader(folder, layout, rng)
            outcome = Outcome(READ)
        except PosedaError as error:
            fault = fault_of_message(error, folder)
            outcome = Outcome(FINDING, f"{fault}\n{_trace()}") if fault else Outcome(REFUSED, str(error))
        except BaseException:
            outcome = Outcome(FINDING, _trace())
    return Outcome(FINDING, "\n".join(complaints)) if complaints and outcome.kind != FINDING else outcome


def fault_of_message(error: PosedaError, folder: Path) -> str | None:
    """What a user could not make sense of in an error's message; None if nothing."""
    text = str(error)
    try:
        text.encode()
    except UnicodeEncodeError:
        return f"a message that cannot be printed: {text!r}"
    if not text.strip():
        return "an error without a message"
    lines = text.split("\n")
    if any(steers(character) for line in lines for character in line):
        return f"a message with control characters: {text!r}"
    listing = isinstance(error, (UnknownLayoutError, AmbiguousLayoutError))
    if len(text) > LONGEST_MESSAGE * (4 if listing else 1) or (len(lines) > MOST_LINES and not listing):
        return f"a long message, {len(text)} characters in {len(lines)} lines: {text}"
    names = {folder.name} | {PurePath(path).name for path in folder.rglob("*")}
    if not any(name in text for name in names):
        return f"a message that names no file: {text}"
    return None


def steers(character: str) -> bool:
    """Whether a character moves the cursor of a terminal, ends a line, or turns its order."""
    if character == "\t":
        return False
    return unicodedata.category(character) in ("Cc", "Zl", "Zp") or unicodedata.bidirectional(character) in TURNS


def _trace() -> str:
    return traceback.format_exc(limit=-12)


@contextlib.contextmanager
def _complaints():
    """What is said beside results and errors: warnings, and what is raised where nobody can catch it."""
    found: list[str] = []

    def warned(message, category, filename, lineno, file=None, line=None):
        place = f"{filename}:{lineno}"
        found.append(f"{category.__name__}: {message} ({place})\n{''.join(traceback.format_stack(limit=10))}")

    def unraisable(event):
        found.append(f"not raised: {event.exc_type.__name__}: {event.exc_value} ({event.object!r})")

    before = warnings.showwarning, sys.unraisablehook, warnings.filters[:]
    warnings.simplefilter("always")
    # Python tells nobody of these, and pickletools has one of its own.
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="pickletools")
    warnings.showwarning, sys.unraisablehook = warned, unraisable
    try:
        yield found
    finally:
        warnings.showwarning, sys.unraisablehook, warnings.filters[:] = before
