"""COCO's keypoint JSON: what most 2D pose detectors write, and what people label.

A results file is a list of {"image_id", "category_id", "keypoints": 17 times x, y, v, "score"}; an annotations file is
{"images": [{"id", "file_name", "width", "height"}], "annotations": [{"image_id", "category_id", "keypoints", ...}],
"categories": [...]}. Pixels of the full image. Both together: people are those of the results, images those of the
annotations file, whose own people are left out.

COCO has no pelvis, spine, thorax or head top. Its 17 keypoints become h36m17 by midpoints, for which all but the ears
are needed; a joint that lacks one is NaN, and an alignment leaves such a person out. Missing is what has v = 0, or lies
at 0, 0. A results file in which no v is positive does not use them. People without any keypoint, and annotations of
categories that have none, are left out. A Problem counts both kinds.

Images of one folder, or of one name but for the number at its end (video_000001.jpg), are a sequence; a file whose
image names tell nothing is one sequence, called after it. Within it, images follow each other by name (by their place
in the file where they have none), several people of one image as they are listed. The action is `people`; the camera
is named by the image size, as in 640x480, and after the sequence if that is not known. Nobody knows the focal lengths:
an alignment to these poses asks for --intrinsics.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import PurePath, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Camera
from poseda_cli.checks.sanity import check_inside
from poseda_cli.dataset import Origin, PoseDataset, Problem, Stored
from poseda_cli.errors import ArchiveError, InputError, listed
from poseda_cli.progress import Progress
from poseda_cli.reading import detections
from poseda_cli.reading.columns import Columns, grouped
from poseda_cli.skeleton import COCO17, H36M17, h36m17_from_coco
from poseda_cli.storage.archive import Archive
from poseda_cli.storage.npy import CONTENT

ORIGIN = Origin("coco")
ACTION = "people"
JOINTS = len(COCO17)
# No picture is this wide, in pixels.
LARGEST_SIZE = 1_000_000
# The ears take part in no midpoint.
NEEDED = [index for index, joint in enumerate(COCO17.joints) if not joint.endswith("_ear")]


class _Image(NamedTuple):
    """An image as the file describes it; sizes 0 where it does not."""

    name: str
    place: int
    width: int = 0
    height: int = 0


class _People(NamedTuple):
    """The people of one file.

    keypoints (n, 17, 3); images and rows in the file, one each; how many entries there are in all, how many
    without any keypoint, how many of other kinds.
    """

    archive: Archive
    keypoints: NDArray[np.float64]
    images: list[_Image]
    rows: NDArray[np.int64]
    listed: int
    empty: int
    other: int
    scores: list[float]


def refusal(archive: Archive) -> str | None:
    """None if this is COCO's keypoint JSON, else why not."""
    if list(archive.members) != [CONTENT] or archive.members[CONTENT][1].kind != "O":
        return "needs a JSON file"
    tree = archive.outline(CONTENT)
    if isinstance(tree, dict):
        missing = [key for key in ("images", "annotations") if not isinstance(tree.get(key), list)]
        if missing:
            return "needs lists of images and annotations"
        people = tree["annotations"]
    elif isinstance(tree, list):
        people = tree
    else:
        return "needs a list of results, or images and annotations"
    if not people or not all(isinstance(person, dict) and "image_id" in person for person in people[:1]):
        return "needs a list of results, or annotations, with image_id"
    if not any("keypoints" in person for person in people if isinstance(person, dict)):
        return "lacks keypoints (its entries have none)"
    return None


def read(archives: list[Archive], progress: Progress) -> PoseDataset:
    """The people of COCO files.

    Raises
    ------
    ArchiveError : keypoints that are no 17 triples, other categories' joints, or no pixels
    InputError : nobody in them
    """
    trees = {archive.name: archive.take_tree(CONTENT) for archive in archives}
    images = {
        archive.name: _images(archive, trees[archive.name]["images"])
        for archive in archives
        if isinstance(trees[archive.name], dict)
    }
    results = [archive for archive in archives if archive.name not in images]
    notes = [str(detections.note(COCO17))]
    if results and images:
        notes.append(f"people of {listed(archive.name for archive in results)}, images of {listed(images)}")
    sources = results or archives
    described = dict.fromkeys((archive.name for archive in results), _united(images)) if results else images
    people = [_people(archive, trees.pop(archive.name), described[archive.name]) for archive in sources]
    if not sum(len(part.keypoints) for part in people):
        raise InputError(f"{listed(archive.name for archive in sources)}: nobody in it has keypoints.")
    return _dataset(people, notes, progress)


def _dataset(people: list[_People], notes: list[str], progress: Progress) -> PoseDataset:
    total = sum(len(part.keypoints) for part in people)
    columns = Columns(total, H36M17, has_2d=True, has_visible=True)
    rows, lacking, before = np.empty(total, np.int64), np.zeros(JOINTS, np.int64), 0
    incomplete = 0
    with progress("reading", total) as advance:
        for part, sequences in zip(people, _sequences(people), strict=True):
            seen = _seen(part)
            points = np.where(seen[..., None], part.keypoints[..., :2], np.nan)
            _check(part, points)
            lacking += (~seen).sum(0)
            incomplete += int((~seen[:, NEEDED]).any(1).sum())
            for (sequence, size), chosen in sequences.items():
                place = columns.add(
                    sequence,
                    ACTION,
                    _camera(sequence, size),
                    len(chosen),
                    poses_2d=h36m17_from_coco(points[chosen]),
                    visible=_visible(seen[chosen]),
                )
                rows[place] = part.rows[chosen] + before
                advance(len(chosen))
            before += part.listed
    scores = np.array([score for part in people for score in part.scores])
    if len(scores):
        notes.append(f"scores {scores.min():.3g} to {scores.max():.3g}, median {np.median(scores):.3g}; all were read")
    problems = [*_problems(people, incomplete, lacking), *_size_problem(columns)]
    return columns.dataset(ORIGIN, Stored(COCO17, screen="pixels"), notes=notes, problems=problems, rows=rows)


def _images(archive: Archive, entries: list[Any]) -> dict[Any, _Image]:
    found: dict[Any, _Image] = {}
    for place, entry in enumerate(entries):
        if not isinstance(entry, dict) or not isinstance(entry.get("id"), (int, str)):
            raise ArchiveError(archive.name, "expected an object with an id", f"images[{place}]")
        name = entry.get("file_name")
        if entry["id"] in found:
            raise ArchiveError(archive.name, f"two images have the id {entry['id']}", f"images[{place}]")
        sizes: list[Any] = [entry.get("width"), entry.get("height")]
        if not all(type(size) is int and 0 < size <= LARGEST_SIZE for size in sizes):
            sizes = [0, 0]
        found[entry["id"]] = _Image(name if isinstance(name, str) else "", place, *sizes)
    return found


def _united(images: dict[str, dict[Any, _Image]]) -> dict[Any, _Image]:
    """The images of several annotations files, to which results may refer.

    Raises
    ------
    InputError : an id in two of them
    """
    united: dict[Any, _Image] = {}
    for found in images.values():
        if united.keys() & found.keys():
            raise InputError(f"{listed(images)} have images of the same id: name the file that the results belong to.")
        united |= found
    return united


def _people(archive: Archive, tree: Any, images: dict[Any, _Image]) -> _People:
    """The people of one file who have a keypoint."""
    entries = tree["annotations"] if isinstance(tree, dict) else tree
    member = "annotations" if isinstance(tree, dict) else None
    categories = _categories(archive, tree) if isinstance(tree, dict) else None
    kept, rows, other = [], [], 0
    for row, entry in enumerate(entries):
        if not isinstance(entry, dict) or not isinstance(entry.get("image_id"), (int, str)):
            raise ArchiveError(archive.name, f"entry {row}: expected an object with an image_id", member)
        if "keypoints" not in entry or (categories is not None and entry.get("category_id") not in categories):
            other += 1
            continue
        kept.append(entry)
        rows.append(row)
    keypoints = _keypoints(archive, kept, rows, member)
    some = (keypoints != 0).any((1, 2))
    chosen = [entry for entry, whole in zip(kept, some, strict=True) if whole]
    scores = [entry.get("score") for entry in chosen]
    return _People(
        archive,
        keypoints[some],
        [_image(archive, entry["image_id"], images) for entry in chosen],
        np.array(rows, np.int64)[some],
        len(entries),
        int((~some).sum()),
        other,
        [float(score) for score in scores if isinstance(score, (int, float)) and abs(score) <= sys.float_info.max],
    )


def _image(archive: Archive, identity: int | str, images: dict[Any, _Image]) -> _Image:
    """The image of an id; where no images are described, a text is its name and a number its place."""
    if not images:
        return _Image(identity, 0) if isinstance(identity, str) else _Image("", identity)
    if identity not in images:
        raise ArchiveError(
            archive.name,
            f"somebody is in image {identity}, which is not among the {len(images):,} images: the files do not belong "
            "together.",
        )
    return images[identity]


def _categories(archive: Archive, tree: dict[str, Any]) -> list[Any] | None:
    """The categories whose keypoints are COCO's; None if the file does not name any keypoints."""
    entries = tree.get("categories")
    described = [e for e in entries if isinstance(e, dict)] if isinstance(entries, list) else []
    named = [e for e in described if e.get("keypoints") and isinstance(e["keypoints"], list)]
    if not named:
        return None
    wanted = [_plain(joint) for joint in COCO17.joints]
    fitting = [e.get("id") for e in named if [_plain(joint) for joint in e["keypoints"]] == wanted]
    if not fitting:
        raise ArchiveError(
            archive.name,
            f"keypoints {listed(named[0]['keypoints'], most=5)}, expected COCO's 17 ({listed(COCO17.joints, most=5)}). "
            "Other joints can be read with the layout `plain`.",
            "categories",
            code="joint-order",
        )
    return fitting


def _plain(joint: object) -> str:
    return re.sub(r"[^a-z]", "", str(joint).lower())


def _keypoints(archive: Archive, entries: list[Any], rows: list[int], member: str | None) -> NDArray[np.float64]:
    """(n, 17, 3) x, y, v."""
    for entry, row in zip(entries, rows, strict=True):
        values = entry["keypoints"]
        if not isinstance(values, list) or len(values) != 3 * JOINTS:
            found = f"{len(values)} numbers" if isinstance(values, list) else type(values).__name__
            expected = f"keypoints are {found}, expected {3 * JOINTS} (x, y, v of COCO's {JOINTS})"
            raise ArchiveError(
                archive.name, f"entry {row}: {expected}. Other joints: see `poseda layouts plain`.", member
            )
    try:
        triples = np.array([entry["keypoints"] for entry in entries], np.float64)
        return triples.reshape(len(entries), JOINTS, 3)
    except (TypeError, ValueError, OverflowError) as error:
        raise ArchiveError(archive.name, f"keypoints that are no numbers ({error})", member) from error


def _seen(part: _People) -> NDArray[np.bool_]:
    """(n, 17) which keypoints there are."""
    placed = (part.keypoints[..., :2] != 0).any(-1) & np.isfinite(part.keypoints[..., :2]).all(-1)
    flags = part.keypoints[..., 2] > 0
    return placed & flags if flags.any() else placed


def _visible(seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(n, 17) in the order of h36m17: a midpoint is there if all that it is made of are."""
    return h36m17_from_coco(np.repeat(seen[..., None].astype(np.float32), 2, axis=-1))[..., 0] == 1


def _check(part: _People, points: NDArray[np.float64]) -> None:
    detections.check_detections(points, COCO17, part.archive.name, "keypoints")
    sizes = np.array([(image.width, image.height) for image in part.images], np.float64).reshape(-1, 2)
    known = sizes.all(1)
    if known.any():
        check_inside(points[known], sizes[known], part.archive.name, "keypoints")


def _sequences(people: list[_People]) -> list[dict[tuple[str, str], NDArray[np.int64]]]:
    """By file, who belongs to each sequence and image size, in the order of the images."""
    names = [[_video(image.name) or PurePath(part.archive.file.base).stem for image in part.images] for part in people]
    files = Counter(name for part in names for name in set(part))
    found = []
    for part, called in zip(people, names, strict=True):
        whole = str(PurePath(part.archive.name).with_suffix(""))
        keys = [
            (f"{whole}/{name}" if files[name] > 1 else name, f"{image.width}x{image.height}" if image.width else "")
            for name, image in zip(called, part.images, strict=True)
        ]
        order = [(_natural(image.name), image.place) for image in part.images]
        found.append({key: np.array(sorted(rows, key=order.__getitem__)) for key, rows in grouped(keys).items()})
    return found


def _video(name: str) -> str | None:
    """The video or folder that an image's name tells, if any: 'a/0001.jpg' -> 'a', 'a_0001.jpg' -> 'a'."""
    path = PurePosixPath(name.replace("\\", "/"))
    folder = path.parent.as_posix()
    if folder not in (".", "/"):
        return folder.strip("/")
    numbered = re.fullmatch(r"(.+?)[_.-]+\d+", path.stem)
    return numbered[1] if numbered else None


def _natural(name: str) -> list[tuple[int, int, str]]:
    """A key by which img_2 comes before img_10."""
    parts = re.split(r"(\d{1,18})", name)
    return [(1, int(part), "") if index % 2 else (0, 0, part) for index, part in enumerate(parts)]


def _problems(people: list[_People], incomplete: int, lacking: NDArray[np.int64]) -> list[Problem]:
    total = sum(len(part.keypoints) for part in people)
    empty, other = sum(part.empty for part in people), sum(part.other for part in people)
    problems = []
    if empty or other:
        kinds = [f"{empty:,} with all keypoints 0"] * bool(empty)
        kinds += [f"{other:,} of other categories, or without keypoints"] * bool(other)
        problems.append(Problem("no-keypoints", "note", f"left out: {' and '.join(kinds)}"))
    if incomplete:
        most = sorted(NEEDED, key=lambda joint: -lacking[joint])[:3]
        joints = listed(f"{COCO17.joints[joint]} {lacking[joint]:,}" for joint in most if lacking[joint])
        message = (
            f"{incomplete:,} of {total:,} people lack keypoints that the joints of h36m17 are made of (most often "
            f"{joints}); an alignment leaves them out"
        )
        problems.append(Problem("missing-joints", "warning", message))
    return problems


def _size_problem(columns: Columns) -> list[Problem]:
    sizes = [s for s in dict.fromkeys(sequence.camera for sequence in columns.sequences) if re.fullmatch(r"\d+x\d+", s)]
    if len(sizes) < 2:
        return []
    message = (
        f"images of {len(sizes)} sizes ({listed(sizes, most=4)}); --intrinsics states one camera for all that are "
        "chosen, --target-cameras chooses by size"
    )
    return [Problem("image-sizes", "warning", message)]


def _camera(sequence: str, size: str) -> Camera:
    if not size:
        return Camera(sequence)
    width, height = map(int, size.split("x"))
    return Camera(size, size=(width, height))
