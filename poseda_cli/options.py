"""How to align."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from poseda_cli.cameras import Intrinsics, Screen
from poseda_cli.global_position import Depth
from poseda_cli.validity import Invalid

OutputSkeleton = Literal["h36m17", "h36m16"]
Pairing = Literal["random"]


@dataclass(frozen=True)
class AlignOptions:
    """Everything that has an influence on the result; see `pipeline.align` for what each means."""

    skeleton: OutputSkeleton = "h36m17"
    depth: Depth = "weak"
    screen: Screen = "aspect"
    pairing: Pairing = "random"
    copies: int = 1
    include_source: bool = False
    seed: int = 0
    invalid: Invalid = "drop"
    intrinsics: Intrinsics | None = None
