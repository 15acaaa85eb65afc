"""Names of Human3.6M's actions: every copy spells them in its own way, poseda as VideoPose3D does."""

from __future__ import annotations

import re

from poseda_cli.published import h36m_sequences

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
