"""Places that one run alone may write to, and what a run that was killed has left beside them.

Beside the output NAME lie, for as long as it is being written, `.NAME.poseda-lock`, which is locked while that
process lives, and `.NAME.poseda-tmp`, the output so far. Where they are left behind, the next run to the same place
finds the lock free, and clears them away.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from poseda_cli.errors import OutputError
from poseda_cli.storage.rename import rename_to_free

# Of a name; file systems count bytes, and allow 255.
LONGEST = 200
# Somebody who only looks holds a lock for a moment.
TRIES, PAUSE = 5, 0.02
# What file systems say that have none.
WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL)


class Claim(NamedTuple):
    """A place that is this run's alone.

    temporary : where to make what comes there; not there yet
    aside : where what lies there may be put while that takes its place, and comes back from; not there either
    """

    temporary: Path
    aside: Path


@contextmanager
def claimed(target: Path) -> Iterator[Claim]:
    """A place for this run alone, as far as other runs of poseda go; what is left of dead ones is cleared away.

    Parameters
    ----------
    target : the place; the folder that it lies in is there

    Raises
    ------
    OutputError : another run writes there
    OSError : the disk refuses
    """
    lock, claim = _beside(target, "lock"), Claim(_beside(target, "tmp"), _beside(target, "old"))
    descriptor = _locked(lock, target)
    if descriptor is None:
        with _unlocked(target) as claim:
            yield claim
        return
    try:
        _recover(claim, target)
        yield claim
    finally:
        try:
            _clear(claim, target, descriptor, lock)
        except BaseException:  # a signal, of which there are no more
            _clear(claim, target, descriptor, lock)
            raise


def check_unclaimed(target: Path) -> None:
    """Refuse a place that another run is writing to.

    Raises
    ------
    OutputError : as said
    """
    import fcntl

    lock = _beside(target, "lock")
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError), lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError(_taken(target, lock)) from None
        except OSError:  # no locks here
            return


def _beside(target: Path, kind: str) -> Path:
    name = os.fsencode(target.name)
    if len(name) > LONGEST:
        name = name[: LONGEST - 9] + b"-" + hashlib.sha256(name).hexdigest()[:8].encode()
    return target.parent / f".{os.fsdecode(name)}.poseda-{kind}"


def _locked(lock: Path, target: Path) -> int | None:
    """The descriptor of a lock that is held; None where the file system has no locks."""
    import fcntl

    for tried in range(TRIES):
        time.sleep(PAUSE if tried else 0)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had it may have removed it just before.
            if _is_still(descriptor, lock):
                _sign(descriptor)
                return descriptor
            os.close(descriptor)
        except BlockingIOError:
            os.close(descriptor)
        except OSError as error:
            os.close(descriptor)
            if error.errno not in WITHOUT_LOCKS:
                raise
            with contextlib.suppress(OSError):
                lock.unlink()
            return None
        except BaseException:  # a signal
            _let_go(descriptor, lock)
            raise
    raise OutputError(_taken(target, lock))


def _sign(descriptor: int) -> None:
    """Leave word of whose the lock is, if the disk has room for it."""
    with contextlib.suppress(OSError):
        os.truncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {os.uname().nodename}".encode())


def _clear(claim: Claim, target: Path, descriptor: int, lock: Path) -> None:
    with contextlib.suppress(OSError):
        _clear_away(claim, target)
    _let_go(descriptor, lock)


def _let_go(descriptor: int, lock: Path) -> None:
    """Remove a lock if it is this run's."""
    import fcntl

    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # While it is locked: a file of that name that comes to be later is somebody else's.
        if _is_still(descriptor, lock):
            lock.unlink()
    with contextlib.suppress(OSError):
        os.close(descriptor)


def _is_still(descriptor: int, lock: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), lock.stat())
    except FileNotFoundError:
        return False


def _taken(target: Path, lock: Path) -> str:
    holder = ""
    with contextlib.suppress(OSError):
        holder = lock.read_text(encoding="utf-8", errors="replace")
    by = f" ({holder})" if holder.startswith("process ") else ""
    return f"{target}: another run of poseda is writing there{by}; wait for it, or choose another place."


@contextmanager
def _unlocked(target: Path) -> Iterator[Claim]:
    """Without locks nobody can tell what a dead run has left, so each run has names of its own."""
    folder = Path(tempfile.mkdtemp(prefix=".", suffix=".poseda-tmp", dir=target.parent))
    claim = Claim(folder / "new", folder / "old")
    try:
        yield claim
    finally:
        with contextlib.suppress(OSError):
            _clear_away(claim, target)
            folder.rmdir()


def _recover(claim: Claim, target: Path) -> None:
    """Clear away what a run that was killed has left."""
    _clear_away(claim, target)
    for left in claim:
        if os.path.lexists(left):
            raise OutputError(f"{left}: left there by a run that was killed, and cannot be removed; remove it.")


def _clear_away(claim: Claim, target: Path) -> None:
    """Remove what was made; what was put aside comes back if nothing took its place."""
    _remove(claim.temporary)
    if os.path.lexists(claim.aside) and not os.path.lexists(target):
        rename_to_free(claim.aside, target)
    _remove(claim.aside)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
