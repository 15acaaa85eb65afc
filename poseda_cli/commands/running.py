"""One alignment as it was asked for, by `poseda align` or by a job of `poseda batch`: checked, prepared, written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from poseda_cli.commands.sides import SideFiles, find_side, names_of
from poseda_cli.commands.views import parse_direction, parse_view
from poseda_cli.errors import UsageError, listed

if TYPE_CHECKING:
    from poseda_cli.alignment import Alignment
    from poseda_cli.cameras import Intrinsics
    from poseda_cli.commands.console import Console
    from poseda_cli.dataset import PoseDataset, PoseHeads
    from poseda_cli.options import AlignOptions
    from poseda_cli.shards import Shard
    from poseda_cli.storage.limits import Limits

Selection = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], int]


@dataclass(frozen=True)
class AlignRun:
    """What `poseda align` was asked for, by the names and with the defaults of its options."""

    source: Sequence[Path]
    target: Sequence[Path]
    out: Path
    layout: str | None = None
    target_layout: str | None = None
    subjects: list[str] | None = None
    actions: list[str] | None = None
    cameras: list[str] | None = None
    stride: int = 1
    target_subjects: list[str] | None = None
    target_cameras: list[str] | None = None
    target_stride: int = 1
    intrinsics: str | None = None
    max_size: str | None = None
    depth: Literal["weak", "exact"] = "weak"
    screen: Literal["aspect", "axes"] = "aspect"
    pairing: Literal["random", "sequence"] = "random"
    clip: int | None = None
    view: str = "none"
    yaw: float = 360.0
    target_up: str | None = None
    target_tilt: float | None = None
    bones: float = 0.0
    copies: int = 1
    seed: int = 0
    invalid: Literal["drop", "error"] = "drop"
    skeleton: Literal["h36m17", "h36m16"] = "h36m17"
    to: list[str] | None = None
    name: str = "gpa"
    compression: Literal["none", "fast", "small"] = "none"
    include_source: bool = False
    plot: bool = False
    plot_format: Literal["png", "svg", "pdf"] | None = None
    overwrite: bool = False
    shard: str | None = None
    jobs: int | None = None

    def check(self) -> None:
        """Refuse what cannot be meant, before any file is looked at.

        Raises
        ------
        UsageError : options out of range, or that contradict each other
        """
        from poseda_cli.exports import check_names
        from poseda_cli.figures.canvas import check_plot
        from poseda_cli.layouts import layout_module
        from poseda_cli.output import check_name

        _ = self.limits, self.options, self.chosen, self.chosen_target
        for given in filter(None, (self.layout, self.target_layout)):
            layout_module(given)
        check_names(self.exports)
        check_name(self.name)
        if self.part:
            _check_shard(self.part, self.exports, self.plot)
        if self.plot_format and not self.plot:
            raise UsageError("--plot-format says what --plot draws; add --plot, too.")
        if self.plot:
            check_plot()

    def check_place(self) -> None:
        """Refuse a place that the output may not take.

        Raises
        ------
        OutputError : as said
        """
        from poseda_cli.output import is_output
        from poseda_cli.storage.folder import check_free

        check_free(self.out, self.overwrite, is_output, self.inputs)

    @property
    def inputs(self) -> list[Path]:
        """What both sides are read from."""
        return [*self.source, *self.target]

    @property
    def exports(self) -> list[str]:
        """In which forms the output is written."""
        return self.to or ["poseda"]

    @property
    def figure(self) -> str | None:
        """What the figure is called, if there shall be one."""
        return f"distribution.{self.plot_format or 'png'}" if self.plot else None

    @property
    def lazily(self) -> bool:
        """Whether the source may stay in its files."""
        from poseda_cli.exports import needs_whole

        return not needs_whole(self.exports)

    @cached_property
    def limits(self) -> Limits:
        """How much of an archive is read."""
        from poseda_cli.storage.limits import Limits

        return Limits.of(self.max_size)

    @cached_property
    def part(self) -> Shard | None:
        """The shard that is asked for; None for the whole run."""
        from poseda_cli.shards import Shard

        return Shard.parse(self.shard) if self.shard is not None else None

    @cached_property
    def options(self) -> AlignOptions:
        """Everything that has an influence on the result, besides what is read."""
        from poseda_cli.options import AlignOptions

        view, jitter = parse_view(self.view)
        return AlignOptions(
            skeleton=self.skeleton,
            depth=self.depth,
            screen=self.screen,
            pairing=self.pairing,
            copies=self.copies,
            include_source=self.include_source,
            seed=self.seed,
            invalid=self.invalid,
            intrinsics=parse_intrinsics(self.intrinsics) if self.intrinsics else None,
            view=view,
            jitter=jitter,
            yaw=self.yaw,
            target_up=parse_direction(self.target_up) if self.target_up is not None else None,
            target_tilt=self.target_tilt,
            bones=self.bones,
            clip=self.clip,
            shard=self.part,
        )

    @cached_property
    def chosen(self) -> Selection:
        """Of the source: subjects, actions, cameras, stride, see `PoseDataset.select`."""
        return names_of(self.subjects), names_of(self.actions), names_of(self.cameras), self.stride

    @cached_property
    def chosen_target(self) -> Selection:
        """Of the target, as `chosen`."""
        return names_of(self.target_subjects), (), names_of(self.target_cameras), self.target_stride

    def find(self) -> tuple[SideFiles, SideFiles]:
        """The archives of both sides, see `layouts.find`."""
        return (
            find_side("source", list(self.source), self.layout, self.limits, self.lazily),
            find_side("target", list(self.target), self.target_layout, self.limits),
        )

    def prepare(
        self,
        console: Console,
        read_source: Callable[[list[PoseDataset]], PoseHeads],
        read_target: Callable[[], PoseDataset],
        to_be_written: bool = True,
    ) -> Alignment:
        """Everything about the alignment but its poses.

        Parameters
        ----------
        console : told what is lost, and how far it is
        read_source : the source as selected; appends what it was selected from, where exports need that
        read_target : the target as selected
        to_be_written : whether there must be room for the output

        Raises
        ------
        PosedaError : as `pipeline.prepare`, or an export that cannot hold the data, or no room for it
        """
        from poseda_cli.disk import of_output
        from poseda_cli.exports import check_writable, losses
        from poseda_cli.pipeline import prepare
        from poseda_cli.skeleton import SKELETONS
        from poseda_cli.storage.folder import check_room
        from poseda_cli.storage.scratch import Scratch

        whole: list[PoseDataset] = []

        def read() -> PoseHeads:
            source = read_source(whole)
            rows = len(source) * (self.copies + self.include_source) // (self.part.count if self.part else 1)
            needed = of_output(self.exports, rows, len(SKELETONS[self.skeleton]), self.compression)
            check_room(self.out, needed if to_be_written else 0)
            return source

        # No name here for the source as read: it must be free once it has the output's joints.
        plan = prepare(
            read(),
            read_target(),
            self.options,
            jobs=self.jobs,
            progress=console.progress,
            whole=whole[0] if whole else None,
            make_room=Scratch(self.out).room,
        )
        check_writable(self.exports, plan)
        for lost in losses(self.exports, plan):
            console.say(lost)
        if self.include_source and (unknown := plan.placement.unknown_cameras):
            console.say(f"unaligned poses have no 2D (NaN): the intrinsics of camera {listed(unknown)} are not known")
        if self.intrinsics:
            console.say(plan.target.dataset.origin.notes[-1])
        return plan

    def write(self, console: Console, plan: Alignment) -> tuple[list[Path], dict[str, Any]]:
        """Write what was prepared, see `output.write_output`."""
        from poseda_cli.commands.memory import check_writing
        from poseda_cli.output import figure_of, write_output

        check_writing(console, self.exports, plan)
        return write_output(
            plan,
            plan.summary,
            self.out,
            self.exports,
            name=self.name,
            overwrite=self.overwrite,
            inputs=self.inputs,
            progress=console.progress,
            figure=figure_of(plan, self.figure, self.jobs, console.progress) if self.figure else None,
            compression=self.compression,
            record=lambda: plan.record,
        )


def parse_intrinsics(text: str) -> Intrinsics:
    """FX,FY,CX,CY,WIDTH,HEIGHT as the user typed it.

    Raises
    ------
    UsageError : not six numbers, or sizes that no camera has
    """
    from poseda_cli.cameras import Intrinsics

    try:
        fx, fy, cx, cy, width, height = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--intrinsics {text}: expected six numbers, FX,FY,CX,CY,WIDTH,HEIGHT in pixels.") from None
    if not (0 < fx < 1e6 and 0 < fy < 1e6 and 1 <= width <= 1e5 and 1 <= height <= 1e5):
        raise UsageError(f"--intrinsics {text}: focal lengths and image size must be positive, and those of a camera.")
    if not (abs(cx) <= 10 * width and abs(cy) <= 10 * height):
        raise UsageError(f"--intrinsics {text}: the principal point CX,CY lies nowhere near the image.")
    if width != int(width) or height != int(height):
        raise UsageError(f"--intrinsics {text}: WIDTH and HEIGHT are whole pixels.")
    if fx < 10 or fy < 10:
        raise UsageError(f"--intrinsics {text}: focal lengths in pixels, not normalised (multiply them by WIDTH / 2).")
    return Intrinsics(fx, fy, cx, cy, int(width), int(height))


def _check_shard(shard: Shard, exports: list[str], plot: bool) -> None:
    """Refuse what takes the whole run.

    Raises
    ------
    UsageError : as said
    """
    if others := [name for name in exports if name != "poseda"]:
        raise UsageError(
            f"--shard {shard} --to {others[0]}: shards are written as poseda alone. Merge them first (poseda merge "
            f"SHARD... -o DIR), then poseda convert DIR --to {others[0]}."
        )
    if plot:
        raise UsageError(f"--shard {shard} --plot: the figure is one of the whole run; leave --plot out.")
