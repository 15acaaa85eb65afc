"""Output folders that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from poseda_cli.errors import OutputError


@contextmanager
def new_folder(target: Path, overwrite: bool, marks: Iterable[str], inputs: Iterable[Path] = ()) -> Iterator[Path]:
    """A temporary folder beside `target` that takes its place when the block ends well.

    Parameters
    ----------
    target : where the folder shall be
    overwrite : whether a folder that poseda wrote may be replaced; nothing else ever is
    marks : names of files by which such a folder is known
    inputs : files that are being read; the output may not contain them

    Yields
    ------
    The temporary folder. On any error it is removed, and `target` is as it was.

    Raises
    ------
    OutputError : `target` exists and may not be replaced, or the disk refuses
    """
    check_free(target, overwrite, marks, inputs)
    made = [parent for parent in target.absolute().parents if not parent.exists()]
    try:
        with _as_output_error(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            # Cut by bytes, which file systems count; the name is only there to be recognised.
            label = os.fsdecode(os.fsencode(target.name)[:100])
            temporary = Path(tempfile.mkdtemp(prefix=f".{label}.", suffix=".poseda-tmp", dir=target.parent))
        try:
            with _as_output_error(target):
                yield temporary
                _finish(temporary)
                _put_in_place(temporary, target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except BaseException:
        for parent in made:
            with contextlib.suppress(OSError):
                parent.rmdir()
        raise


def check_free(target: Path, overwrite: bool, marks: Iterable[str], inputs: Iterable[Path] = ()) -> None:
    """Refuse a place that an output may not take; see `new_folder`."""
    place = target.absolute().resolve()
    for path in inputs:
        if place == path.resolve() or place in path.resolve().parents:
            raise OutputError(f"{target}: holds the input {path.name}; choose another output folder.")
    if not os.path.lexists(target):
        return
    if not overwrite:
        raise OutputError(f"{target}: exists already; --overwrite replaces it, if poseda wrote it.")
    ours = target.is_dir() and not target.is_symlink() and all((target / mark).is_file() for mark in marks)
    if not ours:
        raise OutputError(f"{target}: exists and was not written by poseda; it is never replaced. Choose another.")


def _finish(folder: Path) -> None:
    """Give the folder its ordinary permissions and see it safely on disk."""
    umask = os.umask(0)
    os.umask(umask)
    folder.chmod(0o777 & ~umask)
    for path in (*folder.iterdir(), folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _put_in_place(temporary: Path, target: Path) -> None:
    if not os.path.lexists(target):
        temporary.rename(target)
        return
    # The old folder steps aside and goes only once the new one stands; if that fails it comes back.
    aside = temporary.with_name(temporary.name + "-old")
    target.rename(aside)
    try:
        temporary.rename(target)
    except BaseException:
        aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def _as_output_error(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OutputError(f"{target}: not written, {reason}. Nothing was left behind.") from error
