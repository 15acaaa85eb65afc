"""Which poses are not in the output: how many, why, and the first of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from poseda_cli.dataset import PoseDataset, PoseHeads
from poseda_cli.placement import UNALIGNED, Behind, Placement
from poseda_cli.shards import Part
from poseda_cli.target import TargetPoses
from poseda_cli.validity import MOST_EXAMPLES, Validity

SOURCE, TARGET, BEHIND = "source_invalid", "target_invalid", "behind_camera"
# What an output says of them; so does the record of a shard.
KEYS = ("dropped", "dropped_why", "dropped_examples")


class Dropped(NamedTuple):
    """Poses that are not in the output, by reason: `source_invalid`, `target_invalid`, `behind_camera`.

    counts : how many
    why : of those that are invalid what is wrong with them -> how many
    examples : the first ones: subject, action, camera, frame (in its sequence as read, from 0), and why; of
        one behind the camera its copy, and the target pose that it was to take the place of
    """

    counts: dict[str, int]
    why: dict[str, dict[str, int]]
    examples: dict[str, list[dict[str, Any]]]

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Dropped:
        """As an output, or the record of a shard, says it."""
        return cls(*(found[key] for key in KEYS))

    @property
    def entries(self) -> dict[str, Any]:
        """As an output says it."""
        return dict(zip(KEYS, self, strict=True))


def dropped_of(validity: Validity, placement: Placement, part: Part, source: PoseHeads, target: TargetPoses) -> Dropped:
    """What an alignment drops.

    Parameters
    ----------
    validity : of the source poses that count, rows of the part
    placement : of the part
    part : of the source
    source : the whole of it
    target : its valid poses
    """
    invalid = [{**source.frame_of(part.source_row(row)), "why": why} for row, why in validity.examples]
    targets = [{**target.dataset.frame_of(row), "why": why} for row, why in target.validity.examples]
    return Dropped(
        {SOURCE: validity.invalid, TARGET: target.validity.invalid, BEHIND: placement.behind_camera},
        {SOURCE: _in_order(validity.why), TARGET: _in_order(target.validity.why)},
        {
            SOURCE: invalid,
            TARGET: targets,
            BEHIND: [_behind(example, part, source, target) for example in placement.behind],
        },
    )


def _behind(example: Behind, part: Part, source: PoseHeads, target: TargetPoses) -> dict[str, Any]:
    found = {**source.frame_of(part.source_row(example.row)), "copy": example.copy}
    if example.target == UNALIGNED:
        return found
    dataset: PoseDataset = target.dataset
    return {**found, "target": dataset.frame_of(int(target.rows[example.target]))}


def dropped_of_shards(shards: Iterable[Dropped]) -> Dropped:
    """What a run drops whose shards these are, in order."""
    parts = list(shards)
    # All shards have the same target.
    target = parts[0]
    source: Counter[str] = sum((Counter(part.why[SOURCE]) for part in parts), Counter())
    return Dropped(
        {key: n if key == TARGET else sum(part.counts[key] for part in parts) for key, n in target.counts.items()},
        {SOURCE: _in_order(source), TARGET: target.why[TARGET]},
        {
            key: examples if key == TARGET else [e for part in parts for e in part.examples[key]][:MOST_EXAMPLES]
            for key, examples in target.examples.items()
        },
    )


def _in_order(why: Mapping[str, int]) -> dict[str, int]:
    """By name: which comes first must not depend on where the poses are cut."""
    return dict(sorted(why.items()))
