"""Errors of estimated 3D poses, as the field measures them.

All poses are (N, J, 3), in metres. Joints are compared where they are: subtract the roots first, or name the root,
which then is put at the origin of both. All joints that are given count, each as much as any other; who wants fewer
gives fewer. Trainers give all, with the root, whose error is 0; the script that comes with MPI-INF-3DHP counts 14 of
the 17, from the head's top to the ankles, without pelvis, spine and head.

Joints that are not finite have errors that are not: so are means of them, and shares count them as wrong.
"""

from __future__ import annotations

import numpy as np

from poseda_cli.blocks import for_blocks
from poseda_cli.cameras import Floats

# Metres. MPI-INF-3DHP's: half a head.
PCK_THRESHOLD = 0.150
# 0 to 150 mm in steps of 5, in metres; the first one, which no error is below, is among the 31.
AUC_THRESHOLDS = tuple(millimetres / 1000 for millimetres in range(0, 151, 5))


def mpjpe(predicted: Floats, truth: Floats, root: int | None = None) -> float:
    """Mean per-joint position error, metres: 'protocol 1' of Human3.6M, once the roots are at one place.

    Parameters
    ----------
    predicted, truth : (N, J, 3) metres
    root : joint that is put at the origin of both; as they are if not given

    Raises
    ------
    ValueError : shapes that do not fit together, or no pose

    Source: Ionescu et al., Human3.6M, PAMI 2014, section 4.
    """
    return float(joint_errors(predicted, truth, root).mean())


def pa_mpjpe(predicted: Floats, truth: Floats) -> float:
    """Mean error after the best similarity transform of each pose, metres: 'protocol 2', P-MPJPE.

    Parameters and errors as in `mpjpe`; where the poses stand makes no difference.

    Source: Martinez et al., A Simple Yet Effective Baseline for 3D Human Pose Estimation, ICCV 2017, section 4.
    """
    return mpjpe(procrustes(predicted, truth), truth)


def n_mpjpe(predicted: Floats, truth: Floats, root: int | None = None) -> float:
    """Mean error after the best scaling of each pose about the origin, metres: N-MPJPE.

    Parameters and errors as in `mpjpe`. A prediction with all joints at the origin has no scale, and stays there.

    Source: Rhodin et al., Unsupervised Geometry-Aware Representation for 3D Human Pose Estimation, ECCV 2018; the scale
    is that of least squares, as VideoPose3D's loss.py has it.
    """
    predicted, truth = _rooted(predicted, truth, root)
    with np.errstate(invalid="ignore"):  # infinities
        scaled = _scales((predicted * truth).sum((1, 2)), predicted)[:, None, None] * predicted
    return mpjpe(scaled, truth)


def pck(predicted: Floats, truth: Floats, threshold: float = PCK_THRESHOLD, root: int | None = None) -> float:
    """Percentage of correct keypoints in 3D: joints with an error below `threshold` metres.

    Other parameters and errors as in `mpjpe`.

    Source: Mehta et al., Monocular 3D Human Pose Estimation In The Wild Using Improved CNN Supervision, 3DV 2017,
    section 6; mpii_compute_3d_pck.m of MPI-INF-3DHP, which compares by 'less than', too.
    """
    return _share(joint_errors(predicted, truth, root), threshold)


def auc(predicted: Floats, truth: Floats, root: int | None = None) -> float:
    """Area under the curve of `pck` over thresholds, in percent: its mean at 0, 5, 10, ..., 150 mm.

    Parameters, errors and source as in `pck`. Since no error is below 0, the best there is is 30 / 31, 96.8 %.
    """
    errors = joint_errors(predicted, truth, root)
    return float(np.mean([_share(errors, threshold) for threshold in AUC_THRESHOLDS]))


def joint_errors(predicted: Floats, truth: Floats, root: int | None = None) -> Floats:
    """Distance of each joint from where it should be: what the other functions are means and shares of.

    Returns
    -------
    (N, J) float64, metres; parameters and errors as in `mpjpe`
    """
    predicted, truth = _rooted(predicted, truth, root)
    with np.errstate(invalid="ignore"):  # infinities
        errors: Floats = np.linalg.norm(predicted - truth, axis=-1)
    return errors


def procrustes(predicted: Floats, truth: Floats) -> Floats:
    """Each predicted pose rotated, scaled and shifted to be as near to its truth as it can be; never mirrored.

    Nearest by the sum of squared distances. A prediction or a truth with all joints at one place determines no rotation
    and no scale: the result then has all joints at the truth's centre, which is the best even so.

    Returns
    -------
    (N, J, 3) float64, metres; parameters and errors as in `mpjpe`. NaN for a pose that is not finite

    Source: Umeyama, Least-Squares Estimation of Transformation Parameters Between Two Point Patterns, PAMI 1991.
    """
    predicted, truth = _rooted(predicted, truth, None)
    aligned = np.empty_like(predicted)

    def work(start: int, stop: int) -> None:
        aligned[start:stop] = _procrustes_block(predicted[start:stop], truth[start:stop])

    for_blocks(work, len(predicted))
    return aligned


def _procrustes_block(predicted: Floats, truth: Floats) -> Floats:
    centre = truth.mean(1, keepdims=True)
    with np.errstate(invalid="ignore"):  # infinities
        body, wanted = predicted - predicted.mean(1, keepdims=True), truth - centre
        covariance = body.transpose(0, 2, 1) @ wanted
    finite = np.isfinite(covariance).all((1, 2))
    # Decomposing NaN is an error for all poses at once.
    covariance[~finite] = 0
    left, stretch, right = np.linalg.svd(covariance)
    # Of a mirror image the direction that matters least is turned back.
    mirrored = np.linalg.det(left) * np.linalg.det(right) < 0
    left[mirrored, :, 2] *= -1
    stretch[mirrored, 2] *= -1
    with np.errstate(invalid="ignore"):
        aligned = _scales(stretch.sum(1), body)[:, None, None] * (body @ (left @ right)) + centre
    aligned[~finite] = np.nan
    return aligned


def _scales(products: Floats, poses: Floats) -> Floats:
    """(N,) least-squares scales of poses, 0 for those without extent, from their products with what they shall be."""
    squares = np.square(poses).sum((1, 2))
    return np.divide(products, squares, out=np.zeros_like(squares), where=squares != 0)


def _share(errors: Floats, threshold: float) -> float:
    return float(100 * np.count_nonzero(errors < threshold) / errors.size)


def _rooted(predicted: Floats, truth: Floats, root: int | None) -> tuple[Floats, Floats]:
    """Both in double precision, with the root, if there is one, at the origin."""
    predicted, truth = np.asarray(predicted, np.float64), np.asarray(truth, np.float64)
    if predicted.shape != truth.shape or predicted.ndim != 3 or predicted.shape[2] != 3:
        raise ValueError(
            f"predicted and truth have shapes {predicted.shape} and {truth.shape}, expected (N, J, 3) both"
        )
    if not predicted.size:
        raise ValueError("no pose to measure")
    if root is None:
        return predicted, truth
    with np.errstate(invalid="ignore"):  # infinities
        return predicted - predicted[:, root, None], truth - truth[:, root, None]
