"""Whether an output is what poseda wrote: all of it, of the inputs that it names, and consistent with itself."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from poseda_cli import conversion, summary
from poseda_cli.dataset import PoseHeads
from poseda_cli.errors import InputError, PosedaError, UsageError, listed
from poseda_cli.layouts import find, layout_module, read_groups_lazily
from poseda_cli.layouts.poseda import FILE, read_heads, refusal
from poseda_cli.output import OWN_CHECKSUM, SUMMARY, summary_checksum
from poseda_cli.progress import BYTES, Progress, silent
from poseda_cli.storage.checksums import bytes_of
from poseda_cli.storage.files import LocalFile, input_file, printable
from poseda_cli.storage.hdf5 import Hdf5Archive
from poseda_cli.storage.limits import Limits
from poseda_cli.target import TargetPoses
from poseda_cli.verified_inputs import Inputs, find_inputs, read_source, read_target, titled
from poseda_cli.verified_rows import Expected, Finding, Findings, look_at_rows

SCHEMA = "poseda.verify/1"
Status = Literal["ok", "failed", "not checked"]
SAMPLES = 10_000
# Bytes; with all of its groups a summary has some hundred thousand.
LARGEST_SUMMARY = 1 << 26
# Forms that have each pose of an output once, by the layout that their files are read as.
ROW_BY_ROW = ("plain", "poseaug-test", "mmpose", "pstmo")
# Options by which a pose is not the source's any more but for its place.
TURNING = ("view", "yaw", "bones")
CHANGED = "the viewpoint or the bones were changed"
# What a summary says in decimal digits of what was measured in single precision.
CLOSE = 1e-5
REDO = "write it again"
# What content that poseda did not write runs into.
FOREIGN = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError)


class Check(NamedTuple):
    """One check of an output.

    check : what was looked at
    status : 'ok', 'failed', or 'not checked'
    detail : what was found, or why it was not checked
    """

    check: str
    status: Status
    detail: str


@dataclass(frozen=True)
class Verification:
    """What came of verifying an output.

    Parameters
    ----------
    path : of the output
    checks : in the order in which they were made
    """

    path: Path
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return not self.failed

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.status == "failed")

    @property
    def entry(self) -> dict[str, Any]:
        """As `poseda verify --json` prints it."""
        return {"path": printable(str(self.path)), "ok": self.ok, "checks": [check._asdict() for check in self.checks]}

    def __repr__(self) -> str:
        left = sum(check.status == "not checked" for check in self.checks)
        verdict = "ok" if self.ok else f"{len(self.failed)} failed"
        return f"<Verification {self.path}: {verdict} of {len(self.checks)} checks, {left} not checked>"


class _WrongError(Exception):
    """A check that failed, and why."""


class _UncheckedError(Exception):
    """A check that could not be made, and why."""


def verify(
    path: str | os.PathLike[str],
    *,
    source: Sequence[str | os.PathLike[str]] = (),
    target: Sequence[str | os.PathLike[str]] = (),
    samples: int = SAMPLES,
    max_size: int | str | None = None,
    progress: Progress = silent,
) -> Verification:
    """Check that an output is what poseda wrote.

    Parameters
    ----------
    path : folder of the output
    source, target : files and folders that it was made of; if not given they are looked for beside the output and in
        the working directory, by their names
    samples : poses that are looked at, spread evenly; columns are looked at in full
    max_size : how many bytes may be read at once, as in `read`
    progress : told how far it is

    Returns
    -------
    The checks: that the folder is complete; sizes and SHA-256 of its files; that the inputs are those of its
    provenance; that counts, columns, projections, pairs and poses agree with each other and with the inputs. What
    cannot be checked is said to be so; only what is wrong fails.

    Raises
    ------
    UsageError : samples below 1, or no such size
    """
    if samples < 1:
        raise UsageError(f"samples is {samples}, expected at least 1.")
    given = {side: [Path(place) for place in places] for side, places in (("source", source), ("target", target))}
    looking = _Looking(Path(path), given, samples, Limits.of(max_size), progress)
    looking.look()
    return Verification(Path(path), tuple(looking.checks))


class _Looking:
    """An output that is being verified."""

    def __init__(
        self, folder: Path, given: Mapping[str, list[Path]], samples: int, limits: Limits, progress: Progress
    ) -> None:
        self.folder, self.checks = folder, list[Check]()
        self._given, self._samples, self._limits, self._progress = given, samples, limits, progress
        self._summary: dict[str, Any] = {}
        self._inputs: dict[str, Inputs] = {}

    def look(self) -> None:
        """Make all checks that can be made."""
        if not self._check("complete", self._complete):
            return
        self._check("summary", self._own_checksum)
        sound = self._check("sizes", self._sizes)
        sound = self._check("checksums", self._checksums) and sound
        for side in self._sides:
            self._check(side, lambda side=side: self._input(side))  # type: ignore[misc]
        if FILE in self._files:
            self._look_at_augmented()
        for file in self._files:
            # A file that is not what was written may be anything; that is said already.
            if file != FILE and sound:
                self._check(file, lambda file=file: self._readable(file))  # type: ignore[misc]

    def _check(self, name: str, make: Callable[[], str]) -> bool:
        """Make a check; whether it did not fail."""
        try:
            check = Check(name, "ok", make())
        except _UncheckedError as reason:
            check = Check(name, "not checked", str(reason))
        except (_WrongError, PosedaError) as error:
            check = Check(name, "failed", str(error))
        except OSError as error:
            check = Check(name, "failed", f"cannot be read: {(error.strerror or str(error)).lower()}")
        except FOREIGN as error:
            what = f"{type(error).__name__} {error}"
            check = Check(name, "failed", f"{SUMMARY} or {FILE} is not as poseda writes it ({what}); {REDO}")
        self.checks.append(check)
        return check.status != "failed"

    @property
    def _sides(self) -> tuple[str, ...]:
        return ("source", "target") if self._is_alignment else ("source",)

    @property
    def _is_alignment(self) -> bool:
        return bool(self._summary["schema"] == summary.SCHEMA)

    @property
    def _files(self) -> list[str]:
        return list(self._summary["output"]["files"])

    @property
    def _all_files(self) -> list[str]:
        return [*self._files, *self._summary["output"].get("figures", ())]

    def _complete(self) -> str:
        if not self.folder.is_dir():
            raise _WrongError("no such folder; name the output folder of a run")
        file = self.folder / SUMMARY
        if not file.is_file():
            raise _WrongError(f"no {SUMMARY} in it: no output of poseda, or not all of it")
        if file.stat().st_size > LARGEST_SUMMARY:
            raise _WrongError(f"{SUMMARY} has {file.stat().st_size:,} bytes, which no summary has; {REDO}")
        self._summary = _parsed(file.read_bytes())
        wanted, there = {SUMMARY, *self._all_files}, {entry.name for entry in self.folder.iterdir()}
        if missing := sorted(wanted - there):
            raise _WrongError(f"{listed(missing)} missing; {REDO}")
        if strange := sorted(there - wanted):
            raise _WrongError(f"{listed(strange)}: not a file of this output; move it elsewhere")
        if others := [
            name for name in wanted if (self.folder / name).is_symlink() or not (self.folder / name).is_file()
        ]:
            raise _WrongError(f"{listed(sorted(others))}: no file; {REDO}")
        return f"{len(wanted)} files, {self._summary['schema']}"

    def _own_checksum(self) -> str:
        if summary_checksum(self._summary) != self._summary["output"].get(OWN_CHECKSUM):
            raise _WrongError(f"{SUMMARY} does not say what was written in it; {REDO}, or copy it again")
        return "its own SHA-256"

    def _sizes(self) -> str:
        wanted = self._recorded("sizes")
        for name in self._all_files:
            found = (self.folder / name).stat().st_size
            if found != wanted[name]:
                raise _WrongError(
                    f"{name} has {found:,} bytes, {wanted[name]:,} were written; {REDO}, or copy it again"
                )
        return f"{sum(wanted.values()):,} bytes"

    def _checksums(self) -> str:
        wanted = self._recorded("sha256")
        places = {name: self.folder / name for name in self._all_files}
        with self._progress("checksums", bytes_of(places.values()), BYTES) as advance:
            found = {name: input_file(LocalFile(place, name), advance).sha256 for name, place in places.items()}
        if wrong := [name for name, checksum in found.items() if checksum != wanted[name]]:
            raise _WrongError(f"{listed(wrong)}: not the bytes that were written; {REDO}, or copy it again")
        return "SHA-256 of each file"

    def _recorded(self, key: str) -> dict[str, Any]:
        """`sizes` or `sha256` of the files, from the summary."""
        wanted = self._summary["output"].get(key)
        if wanted is None:
            raise _WrongError(f"{SUMMARY} has no {key}: it was altered, or an older poseda wrote it; {REDO}")
        if set(wanted) != set(self._all_files):
            raise _WrongError(
                f"{SUMMARY} has {key} of {listed(wanted)}, the files are {listed(self._all_files)}; {REDO}"
            )
        return dict(wanted)

    def _input(self, side: str) -> str:
        given = self._given[side]
        found = self._inputs[side] = find_inputs(self._summary[side], self.folder, given, self._progress)
        if found.changed:
            raise _WrongError(
                f"{listed(found.changed)}: another file than this output was made of, or changed since; align again, "
                f"or say where the right one is (--{side})"
            )
        if found.missing and given:
            raise _WrongError(f"{listed(found.missing)}: not in {listed(given)}")
        if found.missing:
            raise _UncheckedError(f"{titled(found.missing)}: not found; say where it is (--{side})")
        return f"{found.title}: SHA-256 of the provenance"

    def _look_at_augmented(self) -> None:
        """The checks of augmented.h5."""
        opened: list[tuple[Hdf5Archive, Expected]] = []
        if not self._check("columns", lambda: self._columns(opened)):
            return
        archive, expected = opened[0]
        self._check("provenance", lambda: self._provenance(archive))
        self._check("counts", lambda: self._counts(expected))
        for side in self._sides:
            expected = self._with_input(side, expected)
        found: list[Findings] = []

        def rows() -> str:
            found.append(look_at_rows(archive, expected, self._samples, self._progress))
            return _told([found[0].cameras, found[0].order, found[0].kinds, found[0].sources], "rows")

        if not self._check("rows", rows) and not found:
            return
        kinds: dict[str, Callable[[], str]] = {
            "projections": lambda: self._projections(found[0], expected),
            "poses": lambda: self._poses(found[0], expected),
        }
        if self._is_alignment:
            kinds["pairs"] = lambda: self._pairs(found[0], expected)
            kinds["places"] = lambda: self._places(found[0], expected)
            kinds["distributions"] = lambda: self._distributions(found[0], expected)
        for name, make in kinds.items():
            self._check(name, make)

    def _columns(self, opened: list[tuple[Hdf5Archive, Expected]]) -> str:
        archive = Hdf5Archive(LocalFile(self.folder / FILE, FILE), self._limits)
        if why := refusal(archive):
            raise _WrongError(f"{FILE}: {why}; {REDO}")
        heads, joints = read_heads(archive), archive.members["poses_3d"][0][1:2]
        count = sum(sequence.length for sequence in heads.sequences)
        size = len(heads.skeleton)
        shapes = {
            "poses_3d": (count, size, 3),
            "poses_2d": (count, size, 2),
            **dict.fromkeys(("camera", "source_index", "target_index"), (count,)),
        }
        for name, shape in shapes.items():
            if name not in archive.members or archive.members[name][0] != shape:
                found = archive.members[name][0] if name in archive.members else "missing"
                raise _WrongError(f"{FILE}: {name} is {found}, expected {shape}; {REDO}")
        options = self._summary["options"]
        rigid = not any(options.get(name) not in (None, "none", 0, 0.0, False) for name in TURNING)
        drawn = options.get("pairing") == "random"
        opened.append((archive, Expected(heads, self._summary, self._is_alignment, None, None, rigid, drawn)))
        return f"{count:,} rows of {joints[0]} joints in {len(heads.sequences):,} sequences"

    def _provenance(self, archive: Hdf5Archive) -> str:
        found = json.loads(archive.attributes["provenance"])
        wanted = self._summary
        differing = [key for key in ("version", "options", "seed") if found.get(key) != wanted.get(key)]
        for side in self._sides:
            files = [(file["name"], file["sha256"]) for file in found["inputs"][side]]
            if files != list(zip(wanted[side]["paths"], wanted[side]["sha256"], strict=True)):
                differing.append(f"inputs of {side}")
        if differing:
            raise _WrongError(f"{listed(differing)}: not the same in {SUMMARY} and {FILE}; {REDO}")
        return f"the same in {SUMMARY} and {FILE}"

    def _counts(self, expected: Expected) -> str:
        heads, output = expected.heads, self._summary["output"]
        count = sum(sequence.length for sequence in heads.sequences)
        if output["poses"] != count:
            raise _WrongError(f"{SUMMARY} says {output['poses']:,} poses, {FILE} has {count:,}; {REDO}")
        if not self._is_alignment:
            if self._summary["source"]["poses"] != count:
                raise _WrongError(f"{self._summary['source']['poses']:,} poses were read, {count:,} written; {REDO}")
            return f"{count:,} poses"
        options, dropped = self._summary["options"], output["dropped"]
        aligned = sum(sequence.length for sequence in heads.sequences if sequence.copy >= 0)
        for kind, groups in self._summary["groups"].items():
            total = sum(group["poses"] for group in groups.values())
            # Of very many names only some have a group.
            if total > aligned or (total < aligned and len(groups) < summary.MOST_GROUPS):
                raise _WrongError(f"{SUMMARY} has {total:,} poses by {kind}, {FILE} {aligned:,} aligned ones; {REDO}")
        if "shard" in options:
            return f"{count:,} poses"
        copies = options["copies"] + options["include_source"]
        kept = copies * (self._summary["source"]["poses"] - dropped["source_invalid"]) - dropped["behind_camera"]
        if kept != count:
            raise _WrongError(
                f"by what {SUMMARY} says was read and dropped there are {kept:,} poses, not {count:,}; {REDO}"
            )
        return f"{count:,} poses, what was read less what was dropped"

    def _with_input(self, side: str, expected: Expected) -> Expected:
        """With the poses of one side, if they are at hand; that reading them fails is a check of its own."""
        places = self._inputs[side].same if side in self._inputs else []
        found: list[Any] = []
        if not places:
            return expected

        def read() -> str:
            reader: Callable[..., PoseHeads | TargetPoses] = read_source if side == "source" else read_target
            try:
                poses = reader(places, self._summary, expected.heads.skeleton, self._limits, self._progress)
            except InputError as error:  # the file is what it was: this machine lacks something
                raise _UncheckedError(f"cannot be read here: {error}") from error
            count = len(poses) if isinstance(poses, PoseHeads) else len(poses.dataset)
            shard = side == "source" and "shard" in self._summary["options"]
            if count != self._summary[side]["poses"] and not shard:
                raise _WrongError(f"{count:,} poses, {SUMMARY} says {self._summary[side]['poses']:,}; {REDO}")
            found.append(poses)
            return f"{count:,} poses"

        self._check(f"{side} poses", read)
        return expected._replace(**{side: found[0]}) if found else expected

    def _projections(self, found: Findings, expected: Expected) -> str:
        if not found.projections.looked and not found.images.looked:
            raise _UncheckedError(
                "no row"
                if expected.alignment or expected.source
                else "2D may be the archive's own; say where the source is (--source)"
            )
        return _told([found.projections, found.images], "poses")

    def _poses(self, found: Findings, expected: Expected) -> str:
        if found.bodies.looked:
            same = "poses relative to their roots are" if expected.alignment else "poses are"
            text = _told([found.bodies], f"{same} the source's")
            if not expected.rigid and found.aligned:
                raise _UncheckedError(f"{CHANGED}; of the unaligned ones, {text}")
            return text
        if expected.source is None:
            raise _UncheckedError("the source is not at hand")
        raise _UncheckedError(CHANGED if not expected.rigid else "no row")

    def _pairs(self, found: Findings, expected: Expected) -> str:
        if found.pairs.looked:
            whose = "" if expected.target else "; the target is not at hand: each target has its own number"
            return _told([found.pairs], f"rows drawn again with seed {self._summary['seed']}") + whose
        if not expected.drawn:
            raise _UncheckedError(f"pairing {self._summary['options'].get('pairing')} is not drawn again")
        if not found.aligned:
            raise _UncheckedError("no aligned row")
        raise _UncheckedError("which poses were dropped only the source tells, and it is not at hand")

    def _places(self, found: Findings, expected: Expected) -> str:
        if not expected.drawn:
            raise _UncheckedError("sequences keep their own motion, and meet their targets as a whole")
        if not found.boxes.looked:
            raise _UncheckedError("no aligned row" if not found.aligned else "the target is not at hand")
        text = _told([found.boxes], "poses")
        fit = self._summary["fit"]
        largest = {"scale_relative_error": fit["scale_relative_error"]["max"], "root_error_max": fit["root_error_max"]}
        met = {"scale_relative_error": found.worst_scale, "root_error_max": found.worst_root}
        if self._saw_all(found, expected):
            for name, said in largest.items():
                if abs(said - met[name]) > CLOSE * (1 + said):
                    raise _WrongError(f"{SUMMARY} says {name} is {said:.6g} at most, it is {met[name]:.6g}; {REDO}")
        stated = f"{met['scale_relative_error']:.2g} at most, {largest['scale_relative_error']:.2g} stated"
        return f"{text}; scale off by {stated}"

    def _distributions(self, found: Findings, expected: Expected) -> str:
        if not found.aligned:
            raise _UncheckedError("no aligned row")
        if "sampled" in self._summary:
            raise _UncheckedError(f"{SUMMARY} is of a part of the poses")
        for name, (low, high, mean) in found.ends.items():
            said = self._summary["distributions"][name]["aligned"]
            slack = CLOSE * (1 + abs(said["max"]) + abs(said["min"]))
            everything = self._saw_all(found, expected)
            outside = low < said["min"] - slack or high > said["max"] + slack
            if outside or (everything and max(abs(low - said["min"]), abs(high - said["max"])) > slack):
                raise _WrongError(
                    f"{name} goes from {low:.4g} to {high:.4g}, {SUMMARY} says from {said['min']:.4g} to "
                    f"{said['max']:.4g}; {REDO}"
                )
            if everything and abs(mean - said["mean"]) > slack:
                raise _WrongError(f"{name} is {mean:.6g} on average, {SUMMARY} says {said['mean']:.6g}; {REDO}")
        return f"root position and depth of {found.aligned:,} poses"

    def _saw_all(self, found: Findings, expected: Expected) -> bool:
        """Whether each aligned pose was looked at."""
        return found.aligned == sum(s.length for s in expected.heads.sequences if s.copy >= 0)

    def _readable(self, name: str) -> str:
        """That poseda reads another file of the output, and how many poses it has."""
        groups, _ = find([self.folder / name], None, self._limits)
        layout, archives = next(iter(groups.items()))
        companions = {Path(beside).name for beside in getattr(layout_module(layout), "BESIDE", ())}
        if name in companions:
            return f"{layout}: belongs to the others"
        try:
            count = len(read_groups_lazily({layout: archives}, (), self._progress))
        except InputError as error:
            raise _UncheckedError(
                f"{layout}: its bytes are those written, and poseda does not read them: {error}"
            ) from error
        total = self._summary["output"]["poses"]
        parts = [file for file in self._files if file != FILE and file not in companions]
        if layout in ROW_BY_ROW and (count > total or (len(parts) == 1 and count != total)):
            raise _WrongError(f"{layout}: {count:,} poses, {SUMMARY} says {total:,}; {REDO}")
        return f"{layout}: {count:,} poses"


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise _WrongError(f"{SUMMARY} is no JSON ({error}); {REDO}") from error
    schemas = (summary.SCHEMA, conversion.SCHEMA)
    if not isinstance(found, dict) or found.get("schema") not in schemas:
        schema = found.get("schema") if isinstance(found, dict) else None
        raise _WrongError(f"{SUMMARY}: schema {schema!r}, expected {listed(schemas)}: no output of this poseda")
    return found


def _told(findings: Sequence[Finding], what: str) -> str:
    """How many rows were looked at.

    Raises
    ------
    _WrongError : some are wrong
    """
    for finding in findings:
        if finding.wrong:
            raise _WrongError(f"{finding.text}; {REDO}")
    return f"{max(finding.looked for finding in findings):,} {what}"
