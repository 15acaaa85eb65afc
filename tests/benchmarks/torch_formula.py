"""The paper's function in torch, as its authors' trainer would run it; None where torch is missing."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable


def paper_in_torch(source, target, camera) -> Callable[[], object] | None:
    """The formula on torch's copies of some arrays, without gradients; all of torch's threads."""
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    source, target, camera = (torch.from_numpy(array) for array in (source, target, camera))

    @torch.no_grad()
    def align():
        w, h = (target.amax(1) - target.amin(1)).unbind(1)
        dx, dy, _ = (source.amax(1) - source.amin(1)).unbind(1)
        fx, fy, cx, cy = camera.unbind(1)
        s = (w + h) / 2
        z = (fx * dx + fy * dy) / (2 * s)
        u, v = (target[:, 0, 0] - cx) / fx, (target[:, 0, 1] - cy) / fy
        root = torch.stack([z * u, z * v, z], dim=1)
        return source - source[:, :1] + root[:, None]

    return align
