"""How to align."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from poseda_cli.cameras import Intrinsics, Screen
from poseda_cli.errors import UsageError, listed
from poseda_cli.global_position import Depth
from poseda_cli.shards import Shard
from poseda_cli.validity import Invalid

OutputSkeleton = Literal["h36m17", "h36m16"]
Pairing = Literal["random"]


@dataclass(frozen=True)
class AlignOptions:
    """Everything that has an influence on the result; see `pipeline.align` for what each means.

    Raises
    ------
    UsageError : a value that the option does not have
    """

    skeleton: OutputSkeleton = "h36m17"
    depth: Depth = "weak"
    screen: Screen = "aspect"
    pairing: Pairing = "random"
    copies: int = 1
    include_source: bool = False
    seed: int = 0
    invalid: Invalid = "drop"
    intrinsics: Intrinsics | None = None
    shard: Shard | None = None

    def __post_init__(self) -> None:
        allowed = {
            "skeleton": get_args(OutputSkeleton),
            "depth": get_args(Depth),
            "screen": get_args(Screen),
            "pairing": get_args(Pairing),
            "invalid": get_args(Invalid),
        }
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                raise UsageError(f"{name} is {getattr(self, name)!r}, expected {listed(values)}.")
        if self.copies < 1:
            raise UsageError(f"copies is {self.copies}, expected at least 1.")
        if not 0 <= self.seed < 2**64:
            raise UsageError(f"seed is {self.seed}, expected 0 to 2^64 - 1.")

    @property
    def recorded(self) -> dict[str, Any]:
        """As outputs record it, the seed apart; a whole run does not mention shards."""
        found = {key: value for key, value in asdict(self).items() if key not in ("seed", "shard")}
        return {**found, "shard": str(self.shard)} if self.shard else found
