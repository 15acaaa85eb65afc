"""How to align."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import hypot, isfinite
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Intrinsics, Screen
from poseda_cli.errors import UsageError, listed
from poseda_cli.global_position import Depth
from poseda_cli.shards import Shard
from poseda_cli.validity import Invalid
from poseda_cli.viewpoint import up_of_tilt

OutputSkeleton = Literal["h36m17", "h36m16"]
Pairing = Literal["random", "sequence"]
View = Literal["none", "match", "jitter"]
# Degrees. Between 10 and 20 makes no difference to a lifter.
JITTER = 15.0
ALL_ROUND = 360.0
# Standard deviations of the logarithm of a bone's length: beyond, one in six would be 1.6 times as long or more.
MOST_BONES = 0.5


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
    view: View = "none"
    jitter: float = JITTER
    yaw: float = ALL_ROUND
    target_up: tuple[float, float, float] | None = None
    target_tilt: float | None = None
    bones: float = 0.0
    clip: int | None = None
    shard: Shard | None = None

    def __post_init__(self) -> None:
        allowed = {
            "skeleton": get_args(OutputSkeleton),
            "depth": get_args(Depth),
            "screen": get_args(Screen),
            "pairing": get_args(Pairing),
            "view": get_args(View),
            "invalid": get_args(Invalid),
        }
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                raise UsageError(f"{name} is {getattr(self, name)!r}, expected {listed(values)}.")
        if self.copies < 1:
            raise UsageError(f"copies is {self.copies}, expected at least 1.")
        if not 0 <= self.seed < 2**64:
            raise UsageError(f"seed is {self.seed}, expected 0 to 2^64 - 1.")
        self._check_view()
        if not 0 <= self.bones <= MOST_BONES:
            raise UsageError(f"--bones {self.bones}: expected a standard deviation from 0 to {MOST_BONES}.")
        if self.clip is not None and (self.pairing != "sequence" or self.clip < 1):
            raise UsageError(f"--clip {self.clip}: expected at least 1 frame, with --pairing sequence.")
        if self.shard and self.pairing == "sequence":
            raise UsageError("--shard, --pairing sequence: shards are cut within clips; leave one of them out.")

    def _check_view(self) -> None:
        if not 0 <= self.yaw <= 360:
            raise UsageError(f"--yaw {self.yaw}: expected 0 to 360 degrees.")
        if self.yaw != ALL_ROUND and self.view == "none":
            raise UsageError("--yaw: it is for --view match and --view jitter.")
        if not 0 <= self.jitter <= 90:
            raise UsageError(f"--view jitter:{self.jitter}: expected 0 to 90 degrees.")
        up, tilt = self.target_up, self.target_tilt
        if (up is not None or tilt is not None) and self.view != "match":
            raise UsageError("--target-up, --target-tilt: they are for --view match alone.")
        if up is not None and tilt is not None:
            raise UsageError("--target-up, --target-tilt: they say the same; leave one of them out.")
        if tilt is not None and not -90 <= tilt <= 90:
            raise UsageError(f"--target-tilt {tilt}: expected -90 to 90 degrees.")
        if up is not None and not (isfinite(sum(up)) and hypot(*up) > 0):
            raise UsageError(f"--target-up {up}: expected a direction.")

    @property
    def given_up(self) -> NDArray[np.float64] | None:
        """(3,) the up direction that is given for target cameras, a unit vector in camera space."""
        if self.target_up is not None:
            return np.array(self.target_up) / hypot(*self.target_up)
        return None if self.target_tilt is None else up_of_tilt(self.target_tilt)

    @property
    def recorded(self) -> dict[str, Any]:
        """As outputs record it, the seed apart; a whole run does not mention shards."""
        unused = {"seed", "shard"} | self._without_effect
        found = {key: value for key, value in asdict(self).items() if key not in unused}
        return {**found, "shard": str(self.shard)} if self.shard else found

    @property
    def _without_effect(self) -> set[str]:
        """Options that change nothing beside the others; they are not recorded."""
        names = {
            "none": {"jitter", "yaw", "target_up", "target_tilt"},
            "match": {"jitter", "target_tilt" if self.target_tilt is None else "target_up"},
            "jitter": {"target_up", "target_tilt"},
        }
        return names[self.view] | ({"clip"} if self.pairing == "random" else set())
