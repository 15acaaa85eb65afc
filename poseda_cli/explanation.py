"""What was inferred for an alignment, and why, before anything is written; no files, no printing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from poseda_cli.alignment import Alignment
from poseda_cli.cameras import Camera, Intrinsics
from poseda_cli.dataset import PoseDataset, PoseHeads, Span
from poseda_cli.disk import of_output
from poseda_cli.inspection import Figures, inspect
from poseda_cli.provenance import side_of
from poseda_cli.published import (
    h36m_cameras,
    h36m_subjects,
    mpi_inf_3dhp_test_cameras,
    mpi_inf_3dhp_train_cameras,
)
from poseda_cli.skeleton import shared_joints
from poseda_cli.storage.deflate import Compression

SCHEMA = "poseda.explain/1"
# Poses of a side that its figures are of: about as many, at most twice.
SAMPLED = 20_000
# What the figures tell about units, joint order and cameras.
EVIDENCE = (
    "sampled_rows",
    "height",
    "thigh",
    "root_midhip_m",
    "root_midhip_hips",
    "hips_along_shoulders",
    "upright",
    "depth_m",
    "reprojection_px",
    "reprojection_model",
)


def explain(
    plan: Alignment, exports: Sequence[str], compression: Compression, recognised: dict[str, list[dict[str, Any]]]
) -> dict[str, Any]:
    """What `poseda align --explain --json` prints.

    Parameters
    ----------
    plan : of the alignment
    exports : layouts to be written
    compression : of their files
    recognised : 'source' and 'target' -> the files of that side, and by what each was recognised
    """
    source, target = plan.sides
    return {
        "schema": SCHEMA,
        **{key: plan.provenance[key] for key in ("version", "seed", "options")},
        "source": {**_side(source, None), "recognised": recognised["source"]},
        "target": {**_side(target, plan.options.intrinsics), "recognised": recognised["target"]},
        "joints": _joints(source, target),
        "pairing": _pairing(plan),
        "output": {
            "poses": len(plan),
            **plan.dropped.entries,
            "layouts": list(exports),
            "bytes_at_least": of_output(exports, len(plan), len(plan.skeleton), compression),
        },
    }


def _side(dataset: PoseHeads, stated: Intrinsics | None) -> dict[str, Any]:
    stored = dataset.origin.stored
    found = side_of(dataset)
    del found["cameras"]
    return {
        **found,
        "actions": list(dataset.actions),
        "stored": stored
        and {
            "skeleton": stored.skeleton.name,
            "joints": list(stored.skeleton.joints),
            "units": stored.units,
            "frame": stored.frame,
            "screen": stored.screen,
        },
        "read_as": dataset.skeleton.name,
        "absolute": dataset.absolute,
        "cameras": _cameras(dataset, stated),
        "figures": _evidence(dataset),
    }


def _evidence(dataset: PoseHeads) -> Figures:
    figures = inspect(sampled(dataset)).figures
    return {key: figures[key] for key in EVIDENCE if key in figures}


def sampled(dataset: PoseHeads, most: int = SAMPLED) -> PoseDataset:
    """Some poses of a data set, evenly spread over its sequences: of each of them some, or one of some of them."""
    step = max(1, -(-len(dataset) // most))
    apart = max(1, -(-len(dataset.sequences) // most))
    spans = [
        Span(number, 0, sequence.length, step)
        for number, sequence in enumerate(dataset.sequences)
        if number % apart == 0
    ]
    some = dataset.take(spans)
    return some.load(0, len(some))


def _cameras(dataset: PoseHeads, stated: Intrinsics | None) -> list[dict[str, Any]]:
    """Each camera of a name and lens, with where its lens is known from."""
    known = dict.fromkeys(_published(), "published") | ({stated: "option"} if stated else {})
    used = {sequence.camera for sequence in dataset.sequences}
    cameras: dict[tuple[str, Intrinsics | None], dict[str, Any]] = {}
    for camera in dataset.cameras:
        if camera.name in used:
            cameras.setdefault((camera.name, camera.intrinsics), _camera(camera, known))
    return list(cameras.values())


def _camera(camera: Camera, known: dict[Intrinsics, str]) -> dict[str, Any]:
    lens = camera.intrinsics
    size = camera.size if lens is None else (lens.width, lens.height)
    return {
        "name": camera.name,
        "size": None if size is None else list(size),
        "focal": None if lens is None else [lens.fx, lens.fy],
        "centre": None if lens is None else [lens.cx, lens.cy],
        "known_from": None if lens is None else known.get(lens, "archive"),
    }


def _published() -> set[Intrinsics]:
    tables: list[Iterable[Camera]] = [
        *map(h36m_cameras, h36m_subjects()),
        mpi_inf_3dhp_train_cameras().values(),
        mpi_inf_3dhp_test_cameras().values(),
    ]
    return {camera.intrinsics for table in tables for camera in table if camera.intrinsics is not None}


def _joints(source: PoseHeads, target: PoseHeads) -> dict[str, Any]:
    """Which joints of both sides meet, and which of the output's the box leaves out."""
    of_source, of_target = shared_joints(source.skeleton, target.skeleton)
    pairs = [
        (source.skeleton.joints[one], target.skeleton.joints[other])
        for one, other in zip(of_source, of_target, strict=True)
    ]
    left_out = sorted(set(range(len(source.skeleton))) - set(of_source.tolist()))
    return {
        "output": source.skeleton.name,
        "shared": [{"source": one, "target": other} for one, other in pairs],
        "left_out": [source.skeleton.joints[joint] for joint in left_out],
        "root": {
            "source": source.skeleton.joints[source.skeleton.root],
            "target": target.skeleton.joints[target.skeleton.position["Hip"]],
        },
    }


def _pairing(plan: Alignment) -> dict[str, Any]:
    """How many valid targets there are, and how often each is drawn."""
    poses, targets, copies = len(plan.source), len(plan.target.rows), plan.options.copies
    clips = len(plan.clips) if plan.clips else None
    blocks, rest = divmod(poses if clips is None else clips, targets)
    return {
        "kind": plan.options.pairing,
        "source_poses": poses,
        "clips": clips,
        "valid_targets": targets,
        "copies": copies,
        "blocks": blocks + bool(rest),
        # A shard may begin within a block.
        "uses": None if plan.options.shard else [copies * blocks, copies * (blocks + bool(rest))],
        "subjects_of_targets": _counts(plan.target.dataset, plan.target.rows),
    }


def _counts(target: PoseDataset, rows: Any) -> dict[str, int]:
    """Valid target poses by subject."""
    counts: dict[str, int] = {}
    for sequence in target.sequences:
        first, last = np.searchsorted(rows, (sequence.start, sequence.start + sequence.length))
        counts[sequence.subject] = counts.get(sequence.subject, 0) + int(last - first)
    return counts
