"""Sequences and cameras of archives that say of each row whose it is, in arrays that are gone through in chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import MOST_PIXELS, Camera, Intrinsics
from poseda_cli.dataset import MOST_CAMERAS, Sequence
from poseda_cli.errors import ArchiveError, listed
from poseda_cli.storage.archive import Archive

LABELS = ("subject", "action", "camera")
# Rows in memory at once.
CHUNK = 65_536
# Pixels: no lens of a camera has so short a focal length, and any normalised one has.
SHORTEST_FOCAL = 10.0

Rows = Callable[[str, int, int], NDArray[Any]]
# fx, fy, cx, cy, width, height; None where the archive does not say.
Lens = tuple[float | None, ...]


class Named(NamedTuple):
    """Whose the rows of an archive are.

    sequences : in order of appearance
    cameras : the views
    camera : (S,) row of `cameras` for each sequence
    lenses : (S, 6) fx, fy, cx, cy, width, height, pixels; NaN where the archive does not say
    ends : (S,) row behind the last one of each sequence
    rows : (N,) number of the sequence of each row of the archive; None where those of each sequence follow each other
    """

    sequences: tuple[Sequence, ...]
    cameras: tuple[Camera, ...]
    camera: NDArray[np.uint16]
    lenses: NDArray[np.float64]
    ends: NDArray[np.int64]
    rows: NDArray[np.int64] | None

    def numbers(self, start: int, stop: int) -> NDArray[np.int64]:
        """(n,) number of the sequence of each of some rows of the archive."""
        if self.rows is not None:
            return self.rows[start:stop]
        return np.searchsorted(self.ends, np.arange(start, stop), side="right")

    @property
    def order(self) -> NDArray[np.int64] | None:
        """(N,) rows of the archive by sequence; None where they are already."""
        return None if self.rows is None else np.argsort(self.rows, kind="stable")


def named_rows(archive: Archive, rows: Rows, count: int, together: bool = False) -> Named | None:
    """Whose the rows of an archive are, by its members subject, action, camera, copy, intrinsics and image_size.

    Parameters
    ----------
    archive : any of whose members may be missing
    rows : gives rows of its members
    count : how many rows it has
    together : whether the rows of each sequence must follow each other; else None is returned

    Raises
    ------
    ArchiveError : members of other shapes or kinds, lenses that are none, cameras that contradict themselves
    """
    labels = _Labels(archive, rows, count)
    runs = _Runs(archive.name, labels.cameras_are_named)
    for start, stop in chunks(count):
        for key, lens, length in labels.runs(start, stop):
            runs.add(key, lens, length)
        if runs.mixed and together:
            return None
        runs.check_count()
    return runs.named()


def chunks(count: int) -> Iterator[tuple[int, int]]:
    """Where chunks of so many rows start and stop; of none there is one, for its arrays to be looked at."""
    for start in range(0, max(count, 1), CHUNK):
        yield start, min(start + CHUNK, count)


def check_numbers(archive: Archive, name: str, *shapes: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape of a member, which must hold numbers and have one of some shapes; None if there is none.

    Raises
    ------
    ArchiveError : it has not
    """
    if name not in archive.members:
        return None
    shape, dtype = archive.members[name]
    if shape not in shapes or dtype.kind not in "fiub":
        expected = " or ".join(map(str, shapes))
        raise ArchiveError(archive.name, f"{dtype} {shape}, expected numbers of shape {expected}", name)
    return shape


def texts(archive: Archive, name: str, values: NDArray[Any]) -> list[str]:
    """Names as text; HDF5 has them as bytes, numbers become text.

    Raises
    ------
    ArchiveError : neither text nor whole numbers, or text that is not UTF-8
    """
    if values.dtype.kind in "SO":
        try:
            return [t.decode("utf-8") if isinstance(t, bytes) else str(t) for t in values.reshape(-1).tolist()]
        except UnicodeDecodeError as error:
            raise ArchiveError(archive.name, f"text that is not UTF-8 ({error})", name) from error
    if values.dtype.kind not in "Uiu":
        raise ArchiveError(archive.name, f"an array of {values.dtype}, expected names", name)
    found: list[str] = values.reshape(-1).astype(str).tolist()
    return found


class _Labels:
    """What the members say, of some rows at a time."""

    def __init__(self, archive: Archive, rows: Rows, count: int) -> None:
        self._archive, self._rows = archive, rows
        self.cameras_are_named = "camera" in archive.members
        self._constant: dict[str, str] = {}
        self._varying: list[str] = []
        for name in LABELS:
            self._look_at(name, count)
        self._lens = {
            name: check_numbers(archive, name, (width,), (count, width))
            for name, width in (("intrinsics", 4), ("image_size", 2))
        }
        if self._lens["intrinsics"] is not None and self._lens["image_size"] is None:
            message = "intrinsics without image_size (width, height in pixels): normalising takes both"
            raise ArchiveError(archive.name, message, "intrinsics", code="camera")
        self._has_copies = check_numbers(archive, "copy", (count,)) is not None
        self._lens_varies = any(shape is not None and len(shape) == 2 for shape in self._lens.values())
        self._fixed = {name: archive.array(name) for name, shape in self._lens.items() if shape and len(shape) == 1}

    def _look_at(self, name: str, count: int) -> None:
        archive = self._archive
        if name not in archive.members:
            self._constant[name] = name if name != "subject" else archive.file.base.partition(".")[0]
            return
        shape, _ = archive.members[name]
        if shape == (count,):
            self._varying.append(name)
            return
        values = np.asarray(archive.array(name))
        found = texts(archive, name, values)
        if len(found) != 1:
            raise ArchiveError(archive.name, f"{shape} names for {count:,} poses, expected one, or ({count},)", name)
        self._constant[name] = found[0]

    def runs(self, start: int, stop: int) -> Iterator[tuple[tuple[Any, ...], Lens, int]]:
        """Subject, action, camera and copy; lens; how many rows in a row have them."""
        members = [*self._varying, *(["copy"] if self._has_copies else [])]
        columns = {name: self._rows(name, start, stop) for name in members}
        lenses = self._lenses(start, stop)
        # NaN is not equal to itself.
        varying = list(np.nan_to_num(lenses).T) if self._lens_varies else []
        firsts = _changes([*columns.values(), *varying], stop - start)
        found = {name: texts(self._archive, name, columns[name][firsts]) for name in self._varying}
        names = [found[name] if name in found else [self._constant[name]] * len(firsts) for name in LABELS]
        copies = columns["copy"][firsts].tolist() if self._has_copies else [0] * len(firsts)
        seen = np.broadcast_to(lenses, (stop - start, 6))[firsts]
        known = seen.astype(object)
        known[np.isnan(seen)] = None
        lengths = np.diff(firsts, append=stop - start).tolist()
        yield from zip(zip(*names, copies, strict=True), map(tuple, known.tolist()), lengths, strict=True)

    def _lenses(self, start: int, stop: int) -> NDArray[np.float64]:
        """(n, 6) fx, fy, cx, cy, width, height; (1, 6) if all rows have the same; NaN where the archive says none."""
        found = np.full((stop - start if self._lens_varies else min(stop - start, 1), 6), np.nan)
        for name, place in (("image_size", slice(4, 6)), ("intrinsics", slice(0, 4))):
            if self._lens[name] is not None:
                fixed = self._fixed.get(name)
                found[:, place] = self._rows(name, start, stop) if fixed is None else fixed
        if self._lens["image_size"] is not None:
            _check_sizes(found[:, 4:], self._archive.name)
        if self._lens["intrinsics"] is not None:
            _check_lenses(found, self._archive.name)
        return found


def _changes(columns: list[NDArray[Any]], count: int) -> NDArray[np.intp]:
    """The rows that differ from the one before them in some column; the first one always does."""
    changed = np.zeros(count, bool)
    changed[:1] = True
    for values in columns:
        changed[1:] |= values[1:] != values[:-1]
    return np.flatnonzero(changed)


def _check_sizes(sizes: NDArray[np.float64], file: str) -> None:
    if not ((sizes >= 1) & (sizes <= MOST_PIXELS)).all():
        message = f"sizes below one pixel, or above {MOST_PIXELS:,}"
        raise ArchiveError(file, message, "image_size", code="image-size")


def _check_lenses(lenses: NDArray[np.float64], file: str) -> None:
    fx, fy, cx, cy, width, height = lenses.T
    right = (np.minimum(fx, fy) >= SHORTEST_FOCAL) & (np.maximum(fx, fy) < 2 * np.minimum(fx, fy))
    # h36m-fetch has fx, cx, fy, cy: two numbers that are nearly one, but in the wrong places.
    right &= (np.abs(fx - cx) > 0.05 * fx) | (np.abs(fx - fy) < 0.1 * fx)
    right &= (cx >= 0) & (cx <= width) & (cy >= 0) & (cy <= height)
    if not right.all():
        row = lenses[int(np.flatnonzero(~right)[0])]
        raise ArchiveError(
            file,
            f"{listed(f'{value:g}' for value in row[:4])} in an image of {row[4]:g} x {row[5]:g}: expected fx, fy, "
            "cx, cy in pixels, in this order.",
            "intrinsics",
            code="camera",
        )


class _Runs:
    """Sequences and cameras as they appear.

    mixed : whether the rows of a sequence do not follow each other
    """

    def __init__(self, file: str, cameras_are_named: bool) -> None:
        self._file, self._cameras_are_named = file, cameras_are_named
        self._numbers: dict[tuple[Any, ...], int] = {}
        self._lenses: list[Lens] = []
        # By subject and name; where cameras have no names, by subject and lens.
        self._cameras: dict[tuple[str, str | Lens], Camera] = {}
        self._runs: list[tuple[int, int]] = []
        self.mixed = False

    def add(self, key: tuple[Any, ...], lens: Lens, length: int) -> None:
        """Some more rows in a row; parameters as what `_Labels.runs` gives."""
        subject, action, camera, copy = key
        view: str | Lens = camera if self._cameras_are_named else lens
        number = self._numbers.setdefault((subject, action, view, copy), len(self._numbers))
        if number == len(self._lenses):
            self._lenses.append(lens)
            found = _camera(camera, lens)
            agrees = self._cameras.setdefault((subject, view), found) == found
        else:
            agrees = self._lenses[number] == lens
        if not agrees:
            raise ArchiveError(
                self._file,
                f"camera {camera} of subject {subject} has several intrinsics or image sizes; give each its name in "
                "`camera`, or leave that out.",
                "intrinsics",
                code="camera",
            )
        if self._runs and self._runs[-1][0] == number:
            self._runs[-1] = number, self._runs[-1][1] + length
        else:
            self.mixed = self.mixed or number < len(self._numbers) - 1
            self._runs.append((number, length))

    def check_count(self) -> None:
        """Refuse more cameras than a data set can have; what varies from row to row is no camera."""
        if len(self._cameras) > MOST_CAMERAS:
            found = f"{len(self._cameras):,} cameras; the limit is {MOST_CAMERAS:,}."
            raise ArchiveError(self._file, found, "intrinsics")

    def named(self) -> Named:
        """All that was added."""
        names = _names([view for _, view in self._cameras])
        numbers = {key: number for number, key in enumerate(self._cameras)}
        runs = np.array(self._runs, np.int64).reshape(-1, 2)
        lengths = np.zeros(len(self._numbers), np.int64)
        np.add.at(lengths, runs[:, 0], runs[:, 1])
        extents = zip((np.cumsum(lengths) - lengths).tolist(), lengths.tolist(), strict=True)
        return Named(
            sequences=tuple(
                Sequence(subject, action, names[view], *extent)
                for (subject, action, view, _), extent in zip(self._numbers, extents, strict=True)
            ),
            cameras=tuple(replace(camera, name=names[view]) for (_, view), camera in self._cameras.items()),
            camera=np.array([numbers[subject, view] for subject, _, view, _ in self._numbers], np.uint16),
            lenses=np.array(self._lenses, np.float64).reshape(-1, 6),
            ends=np.cumsum(lengths),
            rows=np.repeat(runs[:, 0], runs[:, 1]) if self.mixed else None,
        )


def _names(views: list[str | Lens]) -> dict[str | Lens, str]:
    """What cameras are called: as the archive has it, else numbers in the order of their lenses."""
    lenses: Any = sorted({view for view in views if not isinstance(view, str)})
    numbered = {lens: f"camera {number + 1}" if len(lenses) > 1 else "camera" for number, lens in enumerate(lenses)}
    return {view: view if isinstance(view, str) else numbered[view] for view in views}


def _camera(name: str, lens: Lens) -> Camera:
    fx, fy, cx, cy, width, height = lens
    size = None if width is None or height is None else (round(width), round(height))
    if size is None or fx is None or fy is None or cx is None or cy is None:
        return Camera(name, size=size)
    return Camera(name, Intrinsics(fx, fy, cx, cy, *size))
