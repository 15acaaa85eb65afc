"""`python -m tests.fuzzing`: spoil archives of every layout and read them."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from random import Random

from poseda_cli.layouts import LAYOUTS
from tests.fuzzing.corpus import corpus, write_files
from tests.fuzzing.mutation import case
from tests.fuzzing.reading import read_case
from tests.fuzzing.runner import Table, in_turn, run
from tests.fuzzing.worker import CRASH, FINDING, READ, REFUSED, judge, limit_memory, run_case

COLUMNS = (READ, REFUSED, FINDING, CRASH)
SHOWN = 1000


def main() -> int:
    """Parse the command line and run; 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing", description=__doc__)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--seconds", type=float, help="how long (default 600)")
    length.add_argument("--cases", type=int, help="cases of each layout")
    parser.add_argument("--seed", type=int, help="of the first case (default: another one each time)")
    parser.add_argument("--layouts", help="only these, with commas between")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--replay", nargs=2, metavar=("LAYOUT", "SEED"), help="run one case in this process")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="with --replay: put its files there")
    options = parser.parse_args()
    if options.replay:
        return _replay(options.replay[0], int(options.replay[1]), options.keep)
    seed = Random().randrange(10**9) if options.seed is None else options.seed
    layouts = options.layouts.split(",") if options.layouts else list(LAYOUTS)
    seconds = None if options.cases else options.seconds or 600.0
    jobs = in_turn(layouts, seed, options.cases)
    table = run(jobs, partial(case, corpus()), read_case, processes=options.processes, seconds=seconds)
    _print(table, seed)
    return 1 if any(finding.outcome.kind == FINDING for finding in table.findings) else 0


def _print(table: Table, seed: int) -> None:
    for finding in table.findings[:SHOWN]:
        print(f"{finding.outcome.kind}: --replay {finding.layout} {finding.seed}\n{finding.outcome.text}\n")
    print(f"{'layout':24}{'cases':>8}" + "".join(f"{column:>{len(column) + 3}}" for column in COLUMNS))
    for layout, counts in [*table.counts.items(), ("all", sum(table.counts.values(), Counter()))]:
        cells = "".join(f"{counts[column]:{len(column) + 3},}" for column in COLUMNS)
        print(f"{layout:24}{counts.total():8,}{cells}")
    print(f"seeds from {seed}")


def _replay(layout: str, seed: int, keep: Path | None) -> int:
    spoilt = partial(case, corpus())
    limit_memory()
    if keep is None:
        outcome = run_case(layout, seed, spoilt, read_case)
    else:
        files, rng = spoilt(layout, seed)
        keep.mkdir(parents=True)
        write_files(files, keep)
        outcome = judge(keep, layout, rng, read_case)
    print(f"{outcome.kind}: {outcome.text}")
    return outcome.kind == FINDING


if __name__ == "__main__":
    sys.exit(main())
