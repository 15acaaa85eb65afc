"""How the synthetic people move: walking, reaching, sitting, turning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from poseda_cli.cameras import Floats
from poseda_cli.skeleton import H36M32
from poseda_cli.synthetic.body import ANKLE_HEIGHT, joint_positions

FPS = 50
FEET = [H36M32.joints.index(name) for name in ("RightFoot", "LeftFoot")]
SIDES = (("Right", 1.0), ("Left", -1.0))


@dataclass
class _Moves:
    """The angles of one person over time, as a motion fills them in."""

    time: Floats
    random: np.random.Generator

    def __post_init__(self) -> None:
        frames = len(self.time)
        self.bends = {name: np.zeros((frames, 3)) for name in H36M32.joints}
        self.heading = np.zeros(frames)
        self.path = np.zeros((frames, 2))
        self.seat: float | None = None

    def bend(self, joint: str, x: Floats | float = 0, y: Floats | float = 0, z: Floats | float = 0) -> None:
        """Add to a joint's angles, in radians."""
        self.bends[joint] += np.stack(np.broadcast_arrays(x + 0 * self.time, y, z), axis=1)

    def wander(self, size: float, slowest: float = 0.1, fastest: float = 0.6) -> Floats:
        """A smooth curve about 0 without a period: three sines of unrelated frequencies (Hz)."""
        rates = self.random.uniform(slowest, fastest, 3)
        phases = self.random.uniform(0, 2 * np.pi, 3)
        waves = np.sin(2 * np.pi * rates[:, None] * self.time + phases[:, None])
        return size * waves.sum(0) / 1.7

    def bouts(self, period: float) -> Floats:
        """0 to 1 and back, again and again, gently: how far a gesture has come."""
        start = self.random.uniform(0, 1)
        swing = 0.5 - 0.5 * np.cos(2 * np.pi * (self.time / period + start))
        return swing * swing * (3 - 2 * swing)


def _walk(moves: _Moves) -> None:
    """A gait of 0.9 steps a second and leg along a wandering circle."""
    rate = moves.random.uniform(0.82, 1.0)
    gait = 2 * np.pi * (rate * moves.time + moves.random.uniform(0, 1)) + moves.wander(0.15)
    for side, sign in SIDES:
        phase = (gait + (0 if sign > 0 else np.pi)) % (2 * np.pi)
        loading = 0.22 * np.exp(-(((phase - 0.7) / 0.45) ** 2))
        swing = 1.0 * np.exp(-(((phase - 4.75) / 0.72) ** 2))
        moves.bend(f"{side}UpLeg", x=0.1 + 0.42 * np.cos(phase), y=-0.03 * sign)
        moves.bend(f"{side}Leg", x=-(0.08 + loading + swing))
        moves.bend(f"{side}Foot", x=0.15 * np.sin(phase))
        moves.bend(f"{side}Arm", x=-0.05 - 0.38 * np.cos(phase) + moves.wander(0.05), y=-0.12 * sign)
        moves.bend(f"{side}ForeArm", x=0.35 - 0.2 * np.cos(phase))
    moves.bend("Spine1", x=-0.06, z=-0.1 * np.cos(gait))
    moves.bend("Head", z=moves.wander(0.2))
    radius = moves.random.uniform(0.7, 1.3)
    round_ = moves.random.choice((-1, 1))
    speed = 1.25 * rate
    arc = round_ * speed * moves.time / radius + moves.random.uniform(0, 2 * np.pi)
    wobble = 1 + moves.wander(0.08, 0.02, 0.08)
    moves.path = (radius * wobble)[:, None] * np.stack([np.cos(arc), np.sin(arc)], axis=1)
    moves.heading = arc + (0 if round_ > 0 else np.pi)


def _stand(moves: _Moves) -> None:
    """Weight that shifts from leg to leg, as under every standing gesture."""
    sway = moves.wander(1.0, 0.08, 0.3)
    for side, sign in SIDES:
        give = 0.06 + 0.05 * (1 + sign * sway)
        moves.bend(f"{side}UpLeg", x=give, y=-0.06 * sign + 0.02 * sway)
        moves.bend(f"{side}Leg", x=-2 * give)
        moves.bend(f"{side}Foot", x=give)
    moves.path = np.stack([moves.wander(0.05), moves.wander(0.05)], axis=1) + moves.random.uniform(-0.7, 0.7, 2)
    moves.heading = np.full(len(moves.time), moves.random.uniform(0, 2 * np.pi))


def _reach(moves: _Moves) -> None:
    """Greeting, taking something from a shelf: an arm goes up and out, the trunk follows."""
    _stand(moves)
    moves.heading += moves.wander(0.5, 0.05, 0.2)
    for side, sign in SIDES:
        reach = moves.bouts(moves.random.uniform(2.2, 4.5))
        up = moves.random.uniform(1.3, 2.6)
        moves.bend(f"{side}Arm", x=up * reach + moves.wander(0.08), y=-sign * (0.1 + 0.45 * reach))
        moves.bend(f"{side}ForeArm", x=0.3 + 1.1 * reach * (1 - reach) * 4 * 0.5 + 0.15 * reach)
        moves.bend("Spine1", z=0.25 * sign * reach, y=-0.12 * sign * reach)
        moves.bend("Head", z=-0.2 * sign * reach)
    moves.bend("Spine1", x=-0.08 + moves.wander(0.12))
    moves.bend("Head", x=moves.wander(0.12))


def _sit(moves: _Moves) -> None:
    """On a chair: thighs level, hands in the lap or talking."""
    lean = moves.wander(0.12, 0.05, 0.2)
    for side, sign in SIDES:
        apart = moves.random.uniform(0.05, 0.25)
        talk = moves.bouts(moves.random.uniform(1.8, 3.5))
        moves.bend(f"{side}UpLeg", x=1.42 + moves.wander(0.05), y=-sign * apart)
        moves.bend(f"{side}Leg", x=-1.4 + moves.wander(0.12))
        moves.bend(f"{side}Arm", x=0.45 + 0.35 * talk - lean, y=-sign * (0.08 + 0.2 * talk))
        moves.bend(f"{side}ForeArm", x=0.8 + 0.9 * talk)
    moves.bend("Spine1", x=-0.12 + lean, z=moves.wander(0.12))
    moves.bend("Head", x=moves.wander(0.12), z=moves.wander(0.35))
    moves.path = moves.wander(0.01)[:, None] + moves.random.uniform(-0.6, 0.6, 2)
    moves.heading = moves.random.uniform(0, 2 * np.pi) + moves.wander(0.1)
    moves.seat = 0.6  # of the hip joints; the ankles are 0.52 below them


def _turn(moves: _Moves) -> None:
    """Turning on the spot and pointing the way."""
    _stand(moves)
    moves.heading += moves.wander(1.8, 0.05, 0.16)
    for side, sign in SIDES:
        point = moves.bouts(moves.random.uniform(2.5, 5.0))
        moves.bend(f"{side}Arm", x=0.35 * point + moves.wander(0.1), y=-sign * (0.1 + 1.35 * point))
        moves.bend(f"{side}ForeArm", x=0.25 + 0.7 * (1 - point))
        moves.bend("Spine1", z=0.15 * sign * point)
    step = np.diff(moves.heading, append=moves.heading[-1:]) * FPS
    for side, sign in SIDES:
        lift = np.clip(np.sin(5 * moves.time * 2 * np.pi * 0.4) * sign, 0, None) * np.clip(np.abs(step), 0, 1)
        moves.bend(f"{side}UpLeg", x=0.35 * lift)
        moves.bend(f"{side}Leg", x=-0.7 * lift)
    moves.bend("Head", z=moves.wander(0.4), x=moves.wander(0.08))


# By the action that each stands for in Human3.6M.
MOTIONS: dict[str, Callable[[_Moves], None]] = {
    "Walking": _walk,
    "Greeting": _reach,
    "Sitting": _sit,
    "Directions": _turn,
}


def perform(action: str, frames: int, seed: tuple[int, ...], height: float = 1.0) -> Floats:
    """Someone doing something.

    Parameters
    ----------
    action : one of MOTIONS
    frames : how many, 50 a second
    seed : who, when and how; the same seed gives the same motion
    height : factor on all bones

    Returns
    -------
    (frames, 32, 3) metres, z up, joints of h36m32; feet on the floor at z = 0, within 2 m of the origin
    """
    moves = _Moves(np.arange(frames) / FPS, np.random.default_rng(seed))
    MOTIONS[action](moves)
    poses = joint_positions(moves.bends, moves.heading, height)
    poses[..., :2] += moves.path[:, None]
    # Whoever does not sit stands on the lower foot.
    lift = ANKLE_HEIGHT - poses[:, FEET, 2].min(1) if moves.seat is None else np.full(frames, moves.seat * height)
    poses[..., 2] += lift[:, None]
    return poses
