"""SPIN's annotation archives, of Human3.6M and of MPI-INF-3DHP: one row an image, 24 joints.

Plain arrays: `imgname` (N,), `S` (N, 24, 4) metres and a flag, and, but for the evaluation sets of Human3.6M, `part`
(N, 24, 3) pixels of the full image and a flag. `center`, `scale`, `openpose`, `pose`, `shape` and others are not read.
SPIN's scripts write them; SPIN and its descendants read them.

    h36m_train.npz, h36m_valid_protocol1.npz, ...2.npz   images/S9_Directions_1.54138969_000001.jpg, every 5th frame
    mpi_inf_3dhp_train.npz                               S1/Seq1/imageFrames/video_0/frame_000001.jpg, every 10th
    mpi_inf_3dhp_valid.npz                               mpi_inf_3dhp_test_set/TS3/imageSequence/img_000751.jpg

Order of spin24, of which both data sets fill 17: they are read as h36m17, and of MPI-INF-3DHP as 3dhp17 (neck, jaw and
head of the archive are its neck, head and head_top). A joint whose flag and coordinates are 0 is not annotated, and
read as NaN.

3D is in the axes of the camera and, as SPIN writes it, relative to the pelvis: then only its shape is read, and the
camera is the published one of its name, which nothing can confirm. Archives that kept the place in camera space are
read with it, and 2D and 3D must agree with the camera. Of MPI-INF-3DHP the training set has annot3, the test set
univ_annot3, which is scaled to a standard height; without the pelvis's place that cannot be seen in the data. Images
of TS5 and TS6 are 1920 x 1080, those of the other sequences 2048 x 2048.

SPIN's training script pairs images in the order of the file system with poses in the order of time. Where frame
numbers are not in order, they are believed only if the poses move more smoothly in their order than as stored.
"""

from __future__ import annotations

from dataclasses import replace

from poseda_cli.dataset import Origin, PoseDataset, Problem
from poseda_cli.progress import Progress
from poseda_cli.reading.image_names import View
from poseda_cli.reading.named_images import Orders, lacking, read_named_images
from poseda_cli.skeleton import H36M17, MPI_INF_3DHP17, SPIN24
from poseda_cli.storage.archive import Archive

ORIGIN = Origin("spin")


def refusal(archive: Archive) -> str | None:
    """None if this is an archive of SPIN's kind, else why not."""
    return lacking(archive, len(SPIN24))


def read(archives: list[Archive], progress: Progress) -> PoseDataset:
    """The poses of SPIN's archives.

    Raises
    ------
    ArchiveError, InputError : as `named_images.read_named_images`
    """
    dataset = read_named_images(ORIGIN, archives, _orders, lambda view: (), progress)
    scaled = [s for s in dataset.sequences if s.subject.startswith("TS")]
    if dataset.absolute or not scaled:
        return dataset
    message = (
        f"3D of {sum(s.length for s in scaled):,} poses of the test set is univ_annot3, scaled to a standard height, "
        "if SPIN's script wrote it; the training set has annot3. Poses relative to the root do not show it"
    )
    problems = (*dataset.origin.problems, Problem("univ-annot3", "note", message))
    return replace(dataset, origin=replace(dataset.origin, problems=problems))


def _orders(view: View) -> Orders:
    return Orders(SPIN24, MPI_INF_3DHP17 if view.dataset == "mpi_inf_3dhp" else H36M17)
