"""What `poseda inspect` prints for people: one block of at most 80 columns a data set."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from poseda_cli.commands.losses import place_of
from poseda_cli.errors import listed

WIDTH = 80
LABEL = 14
# Members of a file that are named, unless all are asked for.
MOST_MEMBERS = 40
Entry = dict[str, Any]


def describe(entry: Entry, verbose: bool = False) -> str:
    """A data set in words.

    Parameters
    ----------
    entry : an object of `poseda inspect --json`
    verbose : name every action, joint and file
    """
    return _block(listed(entry["paths"], most=99 if verbose else 3), _fields(entry, verbose))


def describe_headers(entry: Entry, verbose: bool = False) -> str:
    """A file in words.

    Parameters
    ----------
    entry : an object of `poseda inspect --headers --json`
    verbose : name every member
    """
    return _block(entry["path"], _header_fields(entry, verbose))


def _block(title: str, fields: Iterator[tuple[str, str]]) -> str:
    lines = textwrap.wrap(title, WIDTH, subsequent_indent="  ")
    for label, text in fields:
        lines += _field(label, text)
    return "\n".join(lines)


def _header_fields(entry: Entry, verbose: bool) -> Iterator[tuple[str, str]]:
    if entry["layout"]:
        yield "layout", entry["layout"]
    if entry["bytes"] is not None:
        size = f"{entry['bytes']:,} bytes"
        yield "file", f"{entry['container']}, {size}" if entry["container"] else size
    members = _member_rows(entry["members"])
    shown = len(members) if verbose else MOST_MEMBERS
    yield from _items("holds", members[:shown])
    if members[shown:]:
        yield "", f"... ({len(members) - shown} more; -v names them)"
    if error := entry["error"]:
        yield "problems", f"{'error':<8}{error['code']}: {error['message']}"


def _member_rows(members: Entry) -> list[str]:
    """Names, shapes and dtypes below each other; below an object the first array in it."""
    rows = []
    for name, head in members.items():
        rows.append((name, str(tuple(head["shape"])), head["dtype"]))
        if first := head.get("first"):
            keys = "".join(f"[{key!r}]" for key in first["keys"])
            rows.append((f"  {keys}", str(tuple(first["shape"])), f"{first['dtype']}, first array"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join([row[0].ljust(widths[0]), row[1].ljust(widths[1]), row[2]]) for row in rows]


def _fields(entry: Entry, verbose: bool) -> Iterator[tuple[str, str]]:
    """Labels and their texts; an empty label continues the one above."""
    yield from _contents(entry, 999 if verbose else 8)
    if verbose and entry["joint_names"]:
        yield "joint names", listed(entry["joint_names"], most=999)
    yield from _figures(entry)
    for label, texts in (("notes", entry["notes"]), ("files", _files(entry) if verbose else [])):
        yield from _items(label, texts)
    for number, (name, members) in enumerate(entry.get("members", {}).items()):
        holds = [f"{member} {tuple(head['shape'])} {head['dtype']}" for member, head in members.items()]
        yield "" if number else "holds", f"{name}: {listed(holds, most=999 if verbose else 12)}"
    problems = [f"{p['severity']:<8}{p['code']}: {p['message']}" for p in entry["problems"]]
    yield from _items("problems", problems or ["none found"])


def _contents(entry: Entry, most: int) -> Iterator[tuple[str, str]]:
    if entry["layout"]:
        yield "layout", entry["layout"] + (f", data set {entry['dataset']}" if entry["dataset"] else "")
    if entry["poses"] is None:
        return
    kinds = " and ".join(kind for kind, has in (("3D", entry["has_3d"]), ("2D", entry["has_2d"])) if has)
    sequences = f"{entry['sequences']:,} sequence" + ("" if entry["sequences"] == 1 else "s")
    yield "poses", f"{entry['poses']:,} ({kinds}) in {sequences}; {entry['invalid_poses']:,} invalid"
    for example in entry["invalid_examples"][:1]:
        yield "", f"first invalid: {place_of(example)} ({example['why']})"
    for label in ("subjects", "actions", "cameras"):
        names = entry[label]
        yield label, (f"{len(names)}: " if len(names) > most else "") + listed(names, most=most)
    yield "as stored", _stored(entry)


def _stored(entry: Entry) -> str:
    if entry["skeleton"] is None:
        return f"in several ways; read as {entry['read_as']}"
    parts = [f"{entry['joints']} joints ({entry['skeleton']})"]
    if entry["has_3d"] and entry["frame"]:
        parts.append(f"{entry['units']}, {entry['frame']}" + ("" if "-" in entry["frame"] else " space"))
    if entry["screen"]:
        parts.append("2D in pixels" if entry["screen"] == "pixels" else f"2D normalised ({entry['screen']})")
    if entry["read_as"] != entry["skeleton"]:
        parts.append(f"read as {entry['read_as']}")
    return "; ".join(parts)


def _figures(entry: Entry) -> Iterator[tuple[str, str]]:
    figures = entry["figures"]
    if figures.get("height"):
        yield "body", f"{figures['height']:.2f} m from ankle to head; thigh {figures['thigh']:.3f} m"
    if "bone_lengths_m" in figures:
        yield from _items("bones (m)", _bones(figures, entry["read_as"]))
    if figures.get("root_midhip_m") is not None:
        yield "root", f"{1000 * figures['root_midhip_m']:.2f} mm off the middle of the hips (median)"
    elif figures.get("root_midhip_hips") is not None:
        yield "root", f"{figures['root_midhip_hips']:.2f} hip distances off the middle of the hips (median)"
    if depth := figures.get("depth_m"):
        yield "depth", f"{depth['min']:.2f} to {depth['max']:.2f} m, median {depth['median']:.2f}"
    if outside := figures.get("outside_image"):
        of = "2D" if outside["of"] == "2d" else "projected 3D"
        part = f"{100 * outside['joints']:.2g} % of the joints" if outside["joint_count"] else "no joint"
        yield "image", f"{part} outside ({of})"
    error = figures.get("reprojection_px")
    if error and error["median"] is not None:
        spread = f"median {error['median']:.3g} px, 95 % below {error['p95']:.3g}, at most {error['max']:.3g}"
        yield "reprojection", f"{spread}; {figures['reprojection_model']} camera"
        if figures["reprojection_outliers"]:
            yield "", f"most of it in {listed(figures['reprojection_outliers'])}"
        yield "", f"largest: {figures['reprojection_worst']}"
    if figures.get("sampled_rows", 0) < (entry["poses"] or 0):
        yield "medians", f"of {figures['sampled_rows']:,} poses, evenly spread"


def _bones(figures: Entry, skeleton_name: str) -> list[str]:
    """A table: bones that come in pairs by the name of the left one."""
    from poseda_cli.diagnosis import bone_name
    from poseda_cli.skeleton import SKELETONS

    skeleton, lengths = SKELETONS[skeleton_name], figures["bone_lengths_m"]
    pairs = dict(zip(skeleton.left, skeleton.right, strict=True))
    rows = [("", "left", "right", "left/right")]
    for joint, parent in enumerate(skeleton.parents):
        if parent < 0 or joint in skeleton.right:
            continue
        name = bone_name(skeleton, joint)
        right = lengths[bone_name(skeleton, pairs[joint])] if joint in pairs else None
        rows.append((name, _cell(lengths[name], 3), _cell(right, 3), _cell(figures["symmetry"].get(name), 2)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows]


def _cell(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _files(entry: Entry) -> list[str]:
    return [f"{file['name']}: {file['size']:,} bytes, sha256 {file['sha256']}" for file in entry["files"]]


def _items(label: str, texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each on a line of its own, the first beside the label."""
    for number, text in enumerate(texts):
        yield "" if number else label, text


def _field(label: str, text: str) -> list[str]:
    """A label and its text, wrapped; a message may have lines of its own."""
    room = WIDTH - LABEL - 2
    wrap = textwrap.TextWrapper(room, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False).wrap
    # Rows of a table fit, and wrapping would close up their columns.
    lines = [line for part in text.split("\n") for line in ([part] if len(part) <= room else wrap(part))]
    return [f"  {label if not number else '':<{LABEL}}{line}".rstrip() for number, line in enumerate(lines)]
