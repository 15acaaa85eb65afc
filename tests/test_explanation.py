from __future__ import annotations

import numpy as np
import pytest

from poseda_cli.dataset import PoseDataset, Sequence
from poseda_cli.explanation import sampled
from poseda_cli.skeleton import SKELETONS


def dataset(lengths):
    """Sequences of some lengths; the first number of each pose is its row."""
    starts = np.cumsum([0, *lengths])
    poses = np.zeros((starts[-1], 17, 3), np.float32)
    poses[:, 0, 0] = np.arange(starts[-1])
    sequences = tuple(
        Sequence("S", f"A {number}", "C", int(start), length)
        for number, (start, length) in enumerate(zip(starts, lengths, strict=False))
    )
    return PoseDataset(SKELETONS["h36m17"], np.zeros(len(poses), np.uint16), (), sequences, poses)


@pytest.mark.parametrize(
    ("lengths", "most", "rows"),
    [
        ([3, 2], 10, [0, 1, 2, 3, 4]),
        ([6, 5], 4, [0, 3, 6, 9]),
        ([1, 1, 1, 1, 1, 1], 3, [0, 2, 4]),
        ([1, 9, 1], 2, [0, 10]),
    ],
)
def test_poses_are_spread_over_the_sequences(lengths, most, rows):
    assert sampled(dataset(lengths), most).poses_3d[:, 0, 0].tolist() == rows
