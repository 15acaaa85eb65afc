"""poseda: published 3D human pose archives, aligned to another domain.

The Python API has the verbs of the command line, with the same defaults::

    import poseda_cli as poseda

    source, target = poseda.read("data_3d_h36m.npz"), poseda.read("mpi_inf_3dhp_test_set")
    aligned = poseda.align(source, target, seed=0)
    poseda.write(aligned, "aligned")
    distances = poseda.compare(aligned, target)["distributions"]
    assert poseda.verify("aligned").ok

`poseda.gpa` is the algorithm alone: arrays in, arrays out.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from poseda_cli._version import VERSION

if TYPE_CHECKING:
    from poseda_cli.cameras import Intrinsics
    from poseda_cli.comparison import compare
    from poseda_cli.dataset import PoseDataset
    from poseda_cli.errors import PosedaError
    from poseda_cli.global_position import gpa
    from poseda_cli.inspection import Inspection, inspect
    from poseda_cli.layouts import read
    from poseda_cli.merging import merge
    from poseda_cli.output import convert, plot, write
    from poseda_cli.pipeline import AlignedDataset, align
    from poseda_cli.probing import Probe, probe
    from poseda_cli.synthetic.archives import sample
    from poseda_cli.verification import Check, Verification, verify

__version__ = VERSION

__all__ = [
    "AlignedDataset",
    "Check",
    "Inspection",
    "Intrinsics",
    "PoseDataset",
    "PosedaError",
    "Probe",
    "Verification",
    "__version__",
    "align",
    "compare",
    "convert",
    "gpa",
    "inspect",
    "merge",
    "plot",
    "probe",
    "read",
    "sample",
    "verify",
    "write",
]

_HOMES = {
    "AlignedDataset": "pipeline",
    "Check": "verification",
    "Inspection": "inspection",
    "Intrinsics": "cameras",
    "PoseDataset": "dataset",
    "PosedaError": "errors",
    "Probe": "probing",
    "Verification": "verification",
    "align": "pipeline",
    "compare": "comparison",
    "convert": "output",
    "gpa": "global_position",
    "inspect": "inspection",
    "merge": "merging",
    "plot": "output",
    "probe": "probing",
    "read": "layouts",
    "sample": "synthetic.archives",
    "verify": "verification",
    "write": "output",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for on first use: `poseda --help` needs no NumPy."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The API, for those who press Tab."""
    return sorted({*globals(), *__all__})
