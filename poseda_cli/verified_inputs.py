"""The inputs of an output, where they are at hand."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from poseda_cli.cameras import Intrinsics
from poseda_cli.dataset import PoseDataset, PoseHeads
from poseda_cli.errors import listed
from poseda_cli.layouts import find, read_groups, read_groups_lazily
from poseda_cli.progress import BYTES, Progress
from poseda_cli.skeleton import SKELETONS, Skeleton
from poseda_cli.storage.checksums import bytes_of
from poseda_cli.storage.files import LocalFile, input_file
from poseda_cli.storage.limits import Limits
from poseda_cli.target import TargetPoses, with_intrinsics

SELECTION = ("subjects", "actions", "cameras", "stride")


class Inputs(NamedTuple):
    """The files of one side, and where they were found.

    places : name -> where it lies, None where it was not found
    changed : names of those that are not what they were
    """

    places: dict[str, Path | None]
    changed: list[str]

    @property
    def missing(self) -> list[str]:
        """Names of those that were not found."""
        return [name for name, place in self.places.items() if place is None]

    @property
    def same(self) -> list[Path]:
        """All files, if each is there and what it was; else none."""
        found = [place for place in self.places.values() if place is not None]
        return [] if self.missing or self.changed else found

    @property
    def title(self) -> str:
        """Their names, for a message."""
        return titled(list(self.places))


def find_inputs(side: Mapping[str, Any], folder: Path, given: Sequence[Path], progress: Progress) -> Inputs:
    """Look for the files of one side, and compare them with their checksums.

    Parameters
    ----------
    side : `source` or `target` of a summary
    folder : the output, beside which they may lie
    given : where they are, if that is known: files, or folders
    progress : told how far hashing is
    """
    roots = [root for path in given for root in (path, *_absolute(path).parents)]
    roots = roots or [_absolute(folder).parent, Path()]
    names = dict(zip(side["paths"], side["sha256"], strict=True))
    files = {path.name: path for path in given if path.is_file()}
    found: dict[str, list[Path]] = {}
    for name in names:
        candidates = {(root / name).resolve(): root / name for root in roots if (root / name).is_file()}
        other = files.get(Path(name).name)
        found[name] = list(candidates.values()) or ([] if other is None else [other])
    places: dict[str, Path | None] = {name: there[0] if there else None for name, there in found.items()}
    changed = []
    with progress("checksums", bytes_of(place for there in found.values() for place in there), BYTES) as advance:
        for name, there in found.items():
            # Archives of different origin have the same names: one that is another file hides no right one.
            same = (place for place in there if input_file(LocalFile(place, name), advance).sha256 == names[name])
            right = next(same, None)
            if there and right is None:
                changed.append(name)
            places[name] = right or places[name]
    return Inputs(places, changed)


def titled(names: Sequence[str]) -> str:
    """Names of files for a message; many of one folder by the folder."""
    folder = os.path.commonpath(names) if len(names) > 1 else ""
    return f"{folder} ({len(names)} files)" if folder else listed(names, most=2)


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100  (resolve() would follow the user's links)


def read_source(
    places: Sequence[Path], summary: Mapping[str, Any], skeleton: Skeleton, limits: Limits, progress: Progress
) -> PoseHeads:
    """The poses that an output was made of, in its skeleton; left in their files where that can be.

    Raises
    ------
    InputError : they cannot be read
    """
    groups, notes = find(places, _layout(summary["source"]), limits)
    source = read_groups_lazily(groups, notes, progress)
    return source.select(*(summary["options"][key] for key in SELECTION)).to_skeleton(skeleton)


def read_target(
    places: Sequence[Path], summary: Mapping[str, Any], skeleton: Skeleton, limits: Limits, progress: Progress
) -> TargetPoses:
    """The valid poses of the target of an alignment.

    Raises
    ------
    InputError : they cannot be read
    """
    options = summary["options"]
    groups, notes = find(places, _layout(summary["target"]), limits)
    target: PoseDataset = read_groups(groups, notes, progress)
    target = target.select(*(options[f"target_{key}"] for key in SELECTION))
    if options["intrinsics"] is not None:
        target = with_intrinsics(target, Intrinsics(**options["intrinsics"]))
    return TargetPoses.of(target, SKELETONS[skeleton.name], options["screen"], "drop")


def _layout(side: Mapping[str, Any]) -> str | None:
    """The layout of one side; of several each is recognised again."""
    return None if "+" in side["layout"] else side["layout"]
