"""`poseda inspect --headers`: files by what their headers say. No pose is read, and nothing is hashed.

Some layouts differ in their values alone, and JSON has no header: such files take as long as they are large.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from poseda_cli.errors import ArchiveError
from poseda_cli.layouts import Look, is_foreign, look, without_summaries
from poseda_cli.layouts.survey import place
from poseda_cli.storage.files import LocalFile, printable
from poseda_cli.storage.limits import DEFAULT, Limits
from poseda_cli.storage.pickles import ArrayHead

if TYPE_CHECKING:
    from poseda_cli.storage.archive import Archive

# By how a file begins, which tells it even where the rest is damaged.
CONTAINERS = {
    b"\x89HDF": "HDF5",
    b"MATLAB 7.3": "MATLAB v7.3",
    b"MATLAB 5.0": "MATLAB v5",
    b"\xcd\xf3\x00\x01": "CDF",
    b"\x93NUMPY": "npy",
    b"\x80": "pickle",
}
# Those whose objects have a beginning that can be read without the rest.
WITH_OUTLINES = ("npz", "npy", "pickle")


class HeaderSurvey(NamedTuple):
    """What lies under some paths, by its headers.

    entries : the objects of `poseda inspect --headers --json`, one a file
    left_out : names of files in folders that are no archives of poses, among others that are
    """

    entries: list[dict[str, Any]]
    left_out: list[str]


def survey_headers(paths: Sequence[Path], layout: str | None = None, limits: Limits = DEFAULT) -> HeaderSurvey:
    """Every file under some paths, from its header.

    Parameters
    ----------
    paths : files, folders and zips
    layout : the layout that all of them have; recognised from their content if not given
    limits : beyond which archives are refused
    """
    found = HeaderSurvey([], [])
    seen: set[object] = set()
    for path in dict.fromkeys(paths):
        where = printable(str(path))
        try:
            looks = look(path, layout, limits)
        except ArchiveError as error:
            found.entries.append(_failure(path, where, error))
            continue
        mixed = any(one.layout for one in looks)
        for one in looks:
            if mixed and one.error and is_foreign(one.error, layout):
                found.left_out.append(one.file.name)
            elif one.file.identity not in seen:
                seen.add(one.file.identity)
                found.entries.append(_entry(one, where if len(looks) == 1 else place(one.file)))
    return found._replace(left_out=without_summaries(found.left_out))


def members_of(archive: Archive) -> dict[str, dict[str, Any]]:
    """Shape and dtype of each member, from headers; none of a file whose headers are damaged, too."""
    try:
        members = archive.members
    except ArchiveError:
        return {}
    return {name: {"shape": list(shape), "dtype": str(dtype)} for name, (shape, dtype) in members.items()}


def _entry(found: Look, where: str) -> dict[str, Any]:
    """One object of `--json`."""
    container = _container(found)
    members = members_of(found.archive) if found.archive is not None else {}
    if found.archive is not None and found.layout is not None and container in WITH_OUTLINES:
        for name, head in members.items():
            if head["dtype"] == "object":
                head["first"] = _first_array(found.archive, name)
    return {
        "path": where,
        "layout": found.layout,
        "error": None if found.error is None else _error(found.error),
        "container": container,
        "bytes": found.file.size,
        "members": members,
    }


def _failure(path: Path, where: str, error: ArchiveError) -> dict[str, Any]:
    """The same of a path under which there is no archive; it may be a damaged file."""
    if path.is_file():
        return _entry(Look(LocalFile(path, where), None, None, error), where)
    return {"path": where, "layout": None, "error": _error(error), "container": None, "bytes": None, "members": {}}


def _error(error: ArchiveError) -> dict[str, str]:
    return {"code": error.code, "message": str(error)}


def _container(found: Look) -> str | None:
    """What a file is, as far as its first bytes tell; None if that is nothing that poseda opens."""
    try:
        with found.file.open() as stream:
            head = stream.read(max(map(len, CONTAINERS)))
    except (ArchiveError, OSError):
        return None
    if head.startswith(b"PK"):
        return "npz" if found.archive else "zip"
    text = "JSON" if head.lstrip()[:1] in (b"{", b"[") else "text" if found.archive else None
    return next((name for signature, name in CONTAINERS.items() if head.startswith(signature)), text)


def _first_array(archive: Archive, member: str) -> dict[str, Any] | None:
    """Where the first array of an object lies, its shape and dtype; None if the object begins with none."""
    try:
        *keys, last = _descent(archive.outline(member))
    except ArchiveError:  # no part of the layout, which does look at what it needs
        return None
    if not isinstance(last, ArrayHead):
        return None
    return {"keys": keys, "shape": list(last.shape), "dtype": str(last.dtype)}


def _descent(value: Any) -> Iterator[Any]:
    """The keys and places of the first value that holds no others, and that value."""
    while isinstance(value, (dict, list)) and value:
        key = next(iter(value)) if isinstance(value, dict) else 0
        yield key
        value = value[key]
    yield value
