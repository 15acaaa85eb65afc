"""`poseda align --explain`: what was inferred, and why, as a page or as JSON."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from poseda_cli.commands.help import Row, Section, help_terminal, table
from poseda_cli.commands.losses import dropped_text
from poseda_cli.commands.sides import count_of
from poseda_cli.errors import listed

if TYPE_CHECKING:
    from poseda_cli.alignment import Alignment
    from poseda_cli.commands.console import Console
    from poseda_cli.commands.running import AlignRun
    from poseda_cli.commands.sides import SideFiles

Entry = dict[str, Any]

DEPTHS = {
    "weak": "z = (fx dx + fy dy) / (w + h): the paper's, from the 3D box (dx, dy) and the target's 2D box (w, h)",
    "exact": "the z at which the projected box has exactly the target's width + height",
}
SCREENS = {
    "aspect": "x in [-1, 1] over the image's width, y by the same unit",
    "axes": "x and y in [-1, 1] each, over the image's width and height",
}
PAIRINGS = {
    "random": "a random target pose for each source pose, all used equally often",
    "sequence": "a random target pose for each clip, all used equally often; the clip's own motion is kept",
}
VIEWS = {
    "none": "as the source's camera sees it",
    "match": "turned by a random yaw, and its up direction onto that of the target's camera",
    "jitter": "turned by a random yaw, and about the camera's x axis by noise",
}
FRAMES = {"world": "world space", "camera": "camera space", "root-relative": "relative to the root"}
SCREENS_STORED = {"pixels": "2D in pixels", "aspect": "2D normalised by the width", "axes": "2D normalised per axis"}
KNOWN_FROM = {"published": "as published", "archive": "from the archive", "option": "by --intrinsics"}
# Files and cameras named one by one, unless --verbose.
MOST = 6


def say_explanation(console: Console, run: AlignRun, sides: tuple[SideFiles, ...], plan: Alignment, json: bool) -> None:
    """Print what an alignment would do, and what it was inferred from.

    Parameters
    ----------
    console : where to
    run : as asked for
    sides : the archives of source and target
    plan : of the alignment
    json : as JSON
    """
    from poseda_cli.explanation import explain

    stated = (run.layout, run.target_layout)
    recognised = {side.name: _recognised(side, layout) for side, layout in zip(sides, stated, strict=True)}
    found = explain(plan, run.exports, run.compression, recognised)
    if json:
        console.result_json(found)
        return
    found["output"]["place"] = str(run.out)
    most = 999 if console.verbose else MOST
    sections = [
        Section("Source", list(_side(found["source"], most))),
        Section("Target", list(_side(found["target"], most))),
        Section("Joints", list(_joints(found["joints"]))),
        Section("Alignment", list(_alignment(found))),
        Section("Output", list(_output(found, run))),
    ]
    console.result("\n\n".join(table(sections, help_terminal(sys.stdout))))


def _recognised(side: SideFiles, stated: str | None) -> list[Entry]:
    """Files by their layouts, with the members that show these."""
    from poseda_cli.commands.headers import members_of

    return [
        {
            "file": archive.name,
            "layout": layout,
            "by": "option" if stated else "content",
            "members": members_of(archive),
        }
        for layout, archives in side.groups.items()
        for archive in archives
    ]


def _side(entry: Entry, most: int) -> Iterator[Row]:
    yield from _rows("files", list(_files(entry["recognised"])), most)
    stated = any(file["by"] == "option" for file in entry["recognised"])
    why = "as the option says" if stated else "recognised by these members, whatever the files are called"
    yield "  layout", f"{entry['layout']}: {why}"
    yield "  poses", f"{entry['poses']:,} in {count_of(entry['sequences'], 'sequence')}"
    for kind in ("subjects", "actions"):
        yield f"  {kind}", listed(entry[kind], most=max(most, 16))
    if stored := entry["stored"]:
        yield "  as stored", "; ".join(_stored(stored))
    yield from _rows("because", list(_evidence(entry["figures"])), most)
    yield from _rows("", entry["notes"], most)
    yield from _rows("cameras", [_camera(camera) for camera in entry["cameras"]], most)
    yield from _rows("problems", [f"{one['severity']}: {one['message']}" for one in entry["problems"]], most)


def _rows(label: str, texts: list[str], most: int) -> Iterator[Row]:
    """A row each, the first beside the label; so many at most."""
    more = [f"... {len(texts) - most} more (-v names all)"] if len(texts) > most else []
    for number, text in enumerate([*texts[:most], *more]):
        yield f"  {label}" if label and not number else "", text


def _files(files: list[Entry]) -> Iterator[str]:
    """Each with what it holds, unless that is what the one before holds, too."""
    before: tuple[str, ...] = ()
    for file in files:
        names = tuple(file["members"])
        holds = [f"{name} {tuple(head['shape'])} {_kind(head['dtype'])}" for name, head in file["members"].items()]
        yield f"{file['file']}: " + ("the same" if names == before else listed(holds, most=4))
        before = names


def _kind(dtype: str) -> str:
    return "table" if dtype.startswith("[") else dtype


def _stored(stored: Entry) -> Iterator[str]:
    yield f"{len(stored['joints'])} joints ({stored['skeleton']})"
    if stored["units"]:
        yield {"m": "metres", "mm": "millimetres"}[stored["units"]] + f", {FRAMES[stored['frame']]}"
    if stored["screen"]:
        yield SCREENS_STORED[stored["screen"]]


def _evidence(figures: Entry) -> Iterator[str]:
    """What the numbers say of units, joint order and cameras."""
    from poseda_cli.diagnosis import DETECTED, HEIGHT, MIDHIP_2D, MIDHIP_3D, SAME_SIDE, UPRIGHT

    yield f"medians of {figures['sampled_rows']:,} poses, evenly spread:"
    if height := figures.get("height"):
        fact = f"bodies are {height:.4g} m from ankle to head, thighs {figures['thigh']:.3g} m"
        yield _concluded(fact, HEIGHT[0] <= height <= HEIGHT[1], "the unit is right")
    off = figures.get("root_midhip_hips")
    if (metres := figures.get("root_midhip_m")) is not None:
        fact = f"the root lies {1000 * metres:.1f} mm off the middle of the hips"
        yield _concluded(fact, off is None or off <= MIDHIP_3D, "the joint order is right")
    elif off is not None:
        fact = f"the root lies {off:.2f} hip distances off the middle of the hips"
        yield _concluded(fact, off <= MIDHIP_2D, "the joint order is right")
    if (same := figures.get("hips_along_shoulders")) is not None:
        yield _concluded(
            f"hips and shoulders point the same way in {same:.0%}", same >= SAME_SIDE, "legs and arms agree"
        )
    if (upright := figures.get("upright")) is not None:
        yield _concluded(f"the head is above the feet in {upright:.0%}", upright >= UPRIGHT, "y points down")
    error = figures.get("reprojection_px")
    if error and error["median"] is not None:
        fact = f"3D meets 2D within {error['median']:.3g} px, by the {figures['reprojection_model']} camera"
        yield _concluded(fact, error["median"] <= DETECTED, "camera and frames go together")


def _concluded(fact: str, holds: bool, conclusion: str) -> str:
    """A fact, and what follows from it, where it does."""
    return f"{fact}: {conclusion if holds else 'that is suspicious'}"


def _camera(camera: Entry) -> str:
    size = "size not known" if camera["size"] is None else "{} x {}".format(*camera["size"])
    if camera["focal"] is None:
        return f"{camera['name']}: {size}, lens not known"
    fx, fy = camera["focal"]
    cx, cy = camera["centre"]
    return f"{camera['name']}: {size}, f {fx:.1f} {fy:.1f}, c {cx:.1f} {cy:.1f}; {KNOWN_FROM[camera['known_from']]}"


def _joints(entry: Entry) -> Iterator[Row]:
    yield (
        "  output",
        f"{entry['output']}, root {entry['root']['source']}, put on the target's {entry['root']['target']}",
    )
    pairs = [f"{one['source']} = {one['target']}" for one in entry["shared"]]
    if all(one["source"] == one["target"] for one in entry["shared"]):
        pairs = [one["source"] for one in entry["shared"]]
    yield "  box of", f"the {len(pairs)} joints that both have: {listed(pairs, most=32)}"
    if entry["left_out"]:
        yield "", f"without {listed(entry['left_out'])}, which the target does not have"


def _alignment(found: Entry) -> Iterator[Row]:
    options, pairing = found["options"], found["pairing"]
    yield "  pairing", f"{pairing['kind']}: {PAIRINGS.get(pairing['kind'], 'see --help')}; seed {found['seed']}"
    copies = "1 copy" if pairing["copies"] == 1 else f"{pairing['copies']:,} copies"
    length = f" of at most {options['clip']:,} frames" if options.get("clip") else ""
    clips = "" if pairing["clips"] is None else f" in {count_of(pairing['clips'], 'clip')}{length},"
    line = (
        f"{pairing['source_poses']:,} source poses{clips} in {count_of(pairing['blocks'], 'block')} of the "
        f"{pairing['valid_targets']:,} valid target poses, {copies}"
    )
    if uses := pairing["uses"]:
        times = " or ".join(f"{count:,}" for count in dict.fromkeys(uses))
        line += f": each of them is drawn {times} times"
    yield "", line
    subjects = pairing["subjects_of_targets"]
    yield "", f"valid target poses: {listed((f'{name} {count:,}' for name, count in subjects.items()), most=16)}"
    yield "  view", f"{options['view']}: {VIEWS[options['view']]}"
    if options["view"] != "none":
        noise = f", noise of {options['jitter']:g} degrees" if options["view"] == "jitter" else ""
        yield "", f"yaw from {-options['yaw'] / 2:g} to {options['yaw'] / 2:g} degrees{noise}"
    if options["bones"]:
        yield "  bones", f"lengths and heights vary by a factor of about {math.exp(options['bones']):.3g} up or down"
    yield "  depth", f"{options['depth']}: {DEPTHS[options['depth']]}"
    yield "  screen", f"{options['screen']}: {SCREENS[options['screen']]}"


def _output(found: Entry, run: AlignRun) -> Iterator[Row]:
    from poseda_cli.exports import EXPORTS

    output = found["output"]
    yield "  poses", f"{output['poses']:,}" + (f", shard {run.shard}" if run.shard else "")
    yield from _rows("dropped", [line.strip() for line in dropped_text(output).split("\n")], 999)
    for number, name in enumerate(output["layouts"]):
        yield "" if number else "  files", f"{name}: {EXPORTS[name].replace('NAME', run.name)}"
    yield "", "summary.json" + (f", {run.figure}" if run.figure else "")
    yield "  place", f"{output['place']}, at least {_bytes(output['bytes_at_least'])}; nothing is written now"


def _bytes(size: int) -> str:
    for unit, one in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= one:
            return f"{size / one:.3g} {unit}"
    return f"{size} bytes"
