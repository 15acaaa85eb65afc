"""Names of Human3.6M's actions: every copy spells them in its own way, poseda as VideoPose3D does."""

from __future__ import annotations

import re
from collections.abc import Iterable

from poseda_cli.dataset import Problem, Sequence
from poseda_cli.errors import ArchiveError, InputError, listed
from poseda_cli.published import h36m_sequences, h36m_subjects
from poseda_cli.storage.archive import Archive

# The raw data of S1, and everything derived from it without renaming, has the long names.
LONG = {"TakingPhoto": "Photo", "WalkingDog": "WalkDog", "WalkingTogether": "WalkTogether"}
CAMERAS = ("54138969", "55011271", "58860488", "60457274")


def canonical(raw: str) -> str:
    """An action's name as VideoPose3D spells it: 'TakingPhoto_1' -> 'Photo 1', 'Walking' -> 'Walking'."""
    name = re.sub(r"_(?=\d+$)", " ", raw.strip())
    base, space, number = name.partition(" ")
    return f"{LONG.get(base, base)}{space}{number}"


def by_ids(subject: str, action: int, subaction: int) -> str | None:
    """The canonical name of a sequence by its ids (action 2 to 16, subaction 1 or 2); None if there is none."""
    for name, sequence in h36m_sequences(subject).items():
        if (sequence.action, sequence.subaction) == (action, subaction):
            return name
    return None


def by_subaction(subject: str, long_name: str, subaction: int) -> str | None:
    """The canonical name of 'TakingPhoto', subaction 1, which h36m-fetch and others use; None if there is none."""
    base = canonical(long_name)
    for name, sequence in h36m_sequences(subject).items():
        if name.partition(" ")[0] == base and sequence.subaction == subaction:
            return name
    return None


def subject_in(folders: Iterable[str]) -> str | None:
    """The subject whose folder a file lies in: the innermost of 'S1' to 'S11'; None if there is none."""
    return next((folder for folder in reversed(list(folders)) if folder in h36m_subjects()), None)


def view_in(base: str) -> tuple[str, str | None]:
    """Action and camera in a file's name: 'Directions_1.54138969.h5' -> 'Directions 1', '54138969'.

    The camera is None where the name has none, as those of world-space poses.
    """
    stem = re.sub(r"(\.(cdf|mat|h5|h5-sh))+$", "", base)
    action, dot, camera = stem.rpartition(".")
    return (canonical(action), camera) if dot else (canonical(stem), None)


def unlisted(sequences: Iterable[Sequence]) -> list[Problem]:
    """A warning about sequences that the release does not have under these names."""
    names = dict.fromkeys((sequence.subject, sequence.action) for sequence in sequences)
    strange = [f"{subject} {action}" for subject, action in names if action not in h36m_sequences(subject)]
    if not strange:
        return []
    message = f"{listed(strange, most=4)}: the release has no sequence of this name; was a file renamed, or moved?"
    return [Problem("unknown-sequence", "warning", message)]


def place_of(archive: Archive) -> tuple[str, str, str | None]:
    """Subject, action and camera (None if its name has none) of a file that is named by where it lies.

    Raises
    ------
    ArchiveError : it lies in no subject's folder, or a camera is named that Human3.6M does not have
    """
    subject = subject_in(archive.file.folders)
    if subject is None:
        raise ArchiveError(
            archive.name,
            "lies in no folder S1 to S11, which would tell its subject. Keep the folders of the release.",
            code="place",
        )
    action, camera = view_in(archive.file.base)
    if camera is not None and camera not in CAMERAS:
        raise ArchiveError(archive.name, f"named after camera {camera}; Human3.6M has {listed(CAMERAS)}.", code="place")
    return subject, action, camera


def only_once(keys: Iterable[str], archives: Iterable[Archive]) -> None:
    """Refuse two archives of one sequence.

    Raises
    ------
    InputError : names both
    """
    seen: dict[str, Archive] = {}
    for key, archive in zip(keys, archives, strict=True):
        if key in seen:
            raise InputError(f"{seen[key].name} and {archive.name} are both {key}. Leave one of them out.")
        seen[key] = archive
