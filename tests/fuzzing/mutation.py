"""Cases: archives of a layout, spoilt as a seed says."""

from __future__ import annotations

from pathlib import PurePath
from random import Random

from tests.fuzzing.containers import spoil_content
from tests.fuzzing.corpus import Files
from tests.fuzzing.raw import spoil_bytes

MOST_FAULTS = 3


def case(corpus: dict[str, list[Files]], layout: str, seed: int) -> tuple[Files, Random]:
    """Files of a layout with up to three faults, and the numbers that decide what is done with them."""
    rng = Random(f"{layout} {seed}")
    files = dict(rng.choice(corpus[layout]))
    for _ in range(rng.choice((1, 1, 1, 2, MOST_FAULTS))):
        other = rng.choice(list(rng.choice(corpus[rng.choice(list(corpus))]).values()))
        files = _spoilt(rng, files, other)
    return files, rng


def _spoilt(rng: Random, files: Files, other: bytes) -> Files:
    if not files:
        return {"data.npz": other}
    name = rng.choice(list(files))
    chance = rng.random()
    if chance < 0.22:
        return {**files, name: spoil_bytes(rng, files[name], other)}
    if chance < 0.90:
        try:
            return {**files, name: spoil_content(rng, files[name], other)}
        except Exception:  # already spoilt so that it cannot be decoded
            return {**files, name: spoil_bytes(rng, files[name], other)}
    spoilt = _spoilt_folder(rng, files, name, other)
    return spoilt if _can_be_written(spoilt) else files


def _spoilt_folder(rng: Random, files: Files, name: str, other: bytes) -> Files:
    """Files left out, renamed, exchanged, moved, copied, or replaced by another."""
    another = rng.choice(list(files))
    path = PurePath(name)
    way = rng.randrange(7)
    if way == 0:
        return {n: content for n, content in files.items() if n != name}
    if way == 1:
        return {**files, name: files[another], another: files[name]}
    if way == 2:
        return {**files, name: other}
    if way == 3:
        return {**files, str(path.with_name(f"copy of {path.name}")): files[name]}
    rest = {n: content for n, content in files.items() if n != name}
    if way == 4:
        return {**rest, path.name: files[name]}
    if way == 5:
        parts = [*path.parts]
        parts[rng.randrange(len(parts))] = rng.choice(("S1", "S9", "TS6", "Seq9", "é", "x" * 60, "Walking 7", "a\nb"))
        return {**rest, str(PurePath(*parts).with_suffix(path.suffix)): files[name]}
    return {**rest, str(path.with_stem(path.stem + rng.choice(("_2", " ", ".1", "~")))): files[name]}


def _can_be_written(files: Files) -> bool:
    """Whether no file lies where a folder must be."""
    return not any(str(folder) in files for name in files for folder in PurePath(name).parents)
