"""MPI-INF-3DHP as GraphMLP has it: `data_3d_3dhp.npz` and `data_2d_3dhp.npz`.

3D, one pickled member `positions_3d` = {'S1': {'Seq1': [one array (n, 17, 3) a camera], 'Seq2': ...},
'TS1': {'Seq1': [one array]}}: metres, camera space, joints in the order of h36m17, root 0. 2D, one
pickled member `positions_2d` of the same nesting: (n, 17, 2) pixels. Read alone or together; GraphMLP
needs both, with at least as many frames of 2D as of 3D, and cuts 2D at its end, as poseda does.

Nobody has published what writes these files. Which cameras the lists hold is taken from their length
(14: all; 8: those that the release calls vnect), and where 3D and 2D are read together from what the
3D projects onto; so is whether the 3D is annot3 or univ_annot3. Frames that the release marks invalid
may be in the test sequences; nothing tells.

Ray3D's `data_3d_3dhp.npz` has the same name and other content (`ray3d`); zemingxie's files
(`zemingxie`) have the same nesting with the joints in the order of 3dhp17. Only the poses tell those
two apart, so recognising one of them takes as long as reading it.
"""

from __future__ import annotations

import re

from poseda_cli.dataset import Origin, PoseDataset, Stored
from poseda_cli.progress import Progress
from poseda_cli.reading.nested import (
    POSES_2D,
    POSES_3D,
    first_array,
    first_leaf,
    kinds,
    listed_views,
    object_outline,
    stored_order,
)
from poseda_cli.reading.paired import read_views
from poseda_cli.reading.views import Nesting
from poseda_cli.skeleton import H36M17, MPI_INF_3DHP17
from poseda_cli.storage.archive import Archive

ORIGIN = Origin("graphmlp", "mpi_inf_3dhp")
KEYS = re.compile(r"T?S\d/(Seq\d|Test)")
LAYOUT = Nesting(ORIGIN, Stored(H36M17, "m", "camera"), H36M17)


def refusal(archive: Archive) -> str | None:
    """None if this is a 3D or 2D archive of GraphMLP, else why not."""
    return listed_refusal(archive) or (
        "its joints are in the order of 3dhp17, expected h36m17" if stored_order(archive) == MPI_INF_3DHP17 else None
    )


def listed_refusal(archive: Archive) -> str | None:
    """None if this nests lists of 17 joints in subjects and sequences of MPI-INF-3DHP, else why not."""
    found = [name for name in (POSES_3D, POSES_2D) if name in archive.members]
    if len(found) != 1:
        return f"needs a member {POSES_3D} or {POSES_2D}" + (", not both" if found else "")
    keys, leaf = first_leaf(object_outline(archive, found[0]))
    head = first_array(leaf) if isinstance(leaf, list) else None
    if head is None or not KEYS.fullmatch("/".join(keys)):
        return f"needs in {found[0]} a list of arrays for each subject ('S1') and sequence ('Seq1')"
    coordinates = (3,) if found == [POSES_3D] else (2, 3)
    if head.shape[1] != 17 or head.shape[2] not in coordinates:
        return f"{found[0]} must hold arrays (n, 17, {coordinates[0]}), it has {head.shape}"
    return None


def read(archives: list[Archive], progress: Progress) -> PoseDataset:
    """The poses of GraphMLP's archives, 3D, 2D or both; see `nested.read_views`."""
    solid, flat = kinds(archives)
    three = [view for archive in solid for view in listed_views(archive, POSES_3D, H36M17)]
    two = [view for archive in flat for view in listed_views(archive, POSES_2D, H36M17)]
    return read_views(LAYOUT, three, two, progress)
