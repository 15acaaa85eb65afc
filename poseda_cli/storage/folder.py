"""Output folders and files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from poseda_cli.errors import OutputError
from poseda_cli.storage.claim import Claim, check_unclaimed, claimed
from poseda_cli.storage.rename import exchange, rename_to_free, sync, sync_names


@contextmanager
def new_folder(
    target: Path, overwrite: bool, ours: Callable[[Path], bool], inputs: Iterable[Path] = ()
) -> Iterator[Path]:
    """A temporary folder beside `target` that takes its place when the block ends well.

    Parameters
    ----------
    target : where the folder shall be
    overwrite : whether a folder that poseda wrote may be replaced; nothing else ever is
    ours : whether a folder is one that poseda wrote, and holds nothing else
    inputs : files that are being read; the output may not contain them

    Yields
    ------
    The temporary folder. On any error it is removed, and `target` is as it was.

    Raises
    ------
    OutputError : `target` exists and may not be replaced, or the disk refuses
    """
    check_free(target, overwrite, ours, inputs)
    with _as_output_error(target):
        made = [parent for parent in target.absolute().parents if not parent.exists()]
    try:
        with _as_output_error(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            with claimed(target) as claim:
                # Somebody may have been quicker.
                check_free(target, overwrite, ours, inputs, claimed_by_us=True)
                claim.temporary.mkdir(0o700)
                yield claim.temporary
                _finish(claim.temporary)
                check_free(target, overwrite, ours, inputs, claimed_by_us=True)
                _put_in_place(claim, target)
    except BaseException:
        for parent in made:
            with contextlib.suppress(OSError):
                parent.rmdir()
        raise


def check_free(
    target: Path,
    overwrite: bool,
    ours: Callable[[Path], bool],
    inputs: Iterable[Path] = (),
    claimed_by_us: bool = False,
) -> None:
    """Refuse a place that an output may not take; see `new_folder`."""
    place = Path(os.path.realpath(target))
    for path in inputs:
        real = Path(os.path.realpath(path))
        if place == real or place in real.parents:
            raise OutputError(f"{target}: holds the input {path.name}; choose another output folder.")
        if real in place.parents:
            raise OutputError(f"{target}: lies in the input {path.name}; choose another output folder.")
    if not claimed_by_us:
        check_unclaimed(target)
    if not os.path.lexists(target):
        _check_can_be_made(target)
        return
    if not overwrite:
        raise OutputError(f"{target}: exists already; --overwrite replaces it, if poseda wrote it.")
    if target.is_symlink() or not target.is_dir() or not ours(target):
        raise OutputError(
            f"{target}: exists and was not written by poseda, or holds other files; it is never replaced. "
            "Choose another."
        )


def _check_can_be_made(target: Path) -> None:
    """Refuse a place where nothing can be made, before hours of work are for nothing."""
    above = _folder_above(target)
    if not os.path.isdir(above):  # noqa: PTH112  (without an error, whatever it is)
        raise OutputError(f"{target}: {above} is no folder; choose another place.")
    if not os.access(above, os.W_OK | os.X_OK):
        raise OutputError(f"{target}: nothing can be written in {above}; choose another place.")


def check_room(target: Path, needed: int) -> None:
    """Refuse to begin what the disk has no room for.

    Parameters
    ----------
    target : where it shall be
    needed : bytes

    Raises
    ------
    OutputError : there is less room
    """
    above = _folder_above(target)
    try:
        free = shutil.disk_usage(above).free
    except OSError:  # whoever writes there will be told
        return
    if free < needed:
        raise OutputError(
            f"{target}: no space left: at least {needed:,} bytes are needed, {free:,} are free in {above}. Make room, "
            "or choose another place."
        )


def _folder_above(target: Path) -> Path:
    """The folder in which the first new thing would be made."""
    return next((folder for folder in target.absolute().parents if os.path.lexists(folder)), target)


@contextmanager
def new_file(target: Path, overwrite: bool, inputs: Iterable[Path] = ()) -> Iterator[Path]:
    """A temporary file beside `target`, with its suffix, that takes its place when the block ends well.

    Parameters
    ----------
    target : where the file shall be; its folder must exist
    overwrite : whether a file may be replaced
    inputs : files that are being read; the output may not be one of them. It may lie in a folder that is read:
        people look at what lies around them.

    Raises
    ------
    OutputError : `target` exists and may not be replaced, or the disk refuses
    """
    check_free_file(target, overwrite, inputs)
    with _as_output_error(target), claimed(target) as claim:
        claim.temporary.mkdir(0o700)
        temporary = claim.temporary / f"new{target.suffix}"
        yield temporary
        _finish(claim.temporary)
        if overwrite:
            temporary.replace(target)
        else:
            rename_to_free(temporary, target)
        sync_names(target.parent)


def check_free_file(target: Path, overwrite: bool, inputs: Iterable[Path] = ()) -> None:
    """Refuse a place that a file may not take; see `new_file`."""
    place = Path(os.path.realpath(target))
    for path in inputs:
        if place == Path(os.path.realpath(path)):
            raise OutputError(f"{target}: is the input {path}; choose another place.")
    # os.path asks without an error where a name is too long, or a folder may not be entered.
    if os.path.isdir(target):  # noqa: PTH112
        raise OutputError(f"{target}: is a folder; name a file.")
    if not os.path.isdir(target.parent):  # noqa: PTH112
        raise OutputError(f"{target}: its folder does not exist; make it first, or name another.")
    if os.path.lexists(target) and not overwrite:
        raise OutputError(f"{target}: exists already; --overwrite replaces it.")


def _finish(folder: Path) -> None:
    """Give the folder its ordinary permissions and see it safely on disk."""
    umask = os.umask(0)
    os.umask(umask)
    folder.chmod(0o777 & ~umask)
    for path in (*folder.rglob("*"), folder):
        sync(path)


def _put_in_place(claim: Claim, target: Path) -> None:
    if not os.path.lexists(target):
        rename_to_free(claim.temporary, target)
    elif not exchange(claim.temporary, target):
        # The old folder steps aside and goes only once the new one stands; if that fails `claimed` brings it back.
        target.rename(claim.aside)
        rename_to_free(claim.temporary, target)
    sync_names(target.parent)
    shutil.rmtree(claim.aside, ignore_errors=True)


@contextmanager
def _as_output_error(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{target}: not written, {reason(error)}. Nothing was left behind.") from error


def reason(error: OSError) -> str:
    """Why the system refused, in its own few words."""
    return (os.strerror(error.errno) if error.errno else str(error)).lower()
