"""What is known to be wrong with some sequences of Human3.6M."""

from __future__ import annotations

from collections.abc import Iterable

from poseda_cli.dataset import Problem, Sequence
from poseda_cli.errors import listed

# Their 3D drifts against the images; learnable-triangulation and MotionBERT leave them out, VideoPose3D does not.
DRIFTING = {"S9": ("Greeting", "SittingDown 1", "Waiting 1")}
# Videos 1002 high before all four cameras, by metadata.xml; every loader takes 1000 for cameras 1 and 2.
HIGH = ("S4", "S7", "S10")


def h36m_problems(sequences: Iterable[Sequence]) -> list[Problem]:
    """The known defects of some sequences of Human3.6M, by canonical subject and action."""
    names = dict.fromkeys((sequence.subject, sequence.action) for sequence in sequences)
    problems = []
    drifting = [f"{subject} {action}" for subject, action in names if action in DRIFTING.get(subject, ())]
    if drifting:
        message = (
            f"{listed(drifting)}: the ground truth has an offset against the images. Some evaluations leave these out"
        )
        problems.append(Problem("s9-damaged", "note", message))
    if ("S11", "Directions") in names:
        message = (
            "S11 Directions: its video of camera 54138969 is damaged; VideoPose3D's files do without this sequence, "
            "mmpose's have it"
        )
        problems.append(Problem("s11-directions", "note", message))
    high = [subject for subject in dict.fromkeys(subject for subject, _ in names) if subject in HIGH]
    if high:
        message = (
            f"{listed(high)}: the videos are 1002 high before all four cameras; every loader takes 1000 for 55011271 "
            "and 58860488, and so does poseda"
        )
        problems.append(Problem("image-height", "note", message))
    return problems
