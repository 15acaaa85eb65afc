"""The keys of JOBS.toml are the options of `poseda align`, without a list of their own."""

from __future__ import annotations

import inspect
import re
from dataclasses import MISSING, fields
from pathlib import Path

from poseda_cli.commands.align import align
from poseda_cli.commands.job_keys import job_keys, run_of
from poseda_cli.commands.running import AlignRun
from poseda_cli.jobs import read_jobs

# What says how `poseda align` itself is called, not what it makes.
OF_THE_CALL = {"dry_run", "json", "quiet", "verbose", "help", "explain"}


def test_every_option_of_align_is_a_key(poseda):
    options = re.findall(r"^ +(?:-\w, )?--([a-z-]+)", poseda("align", "--help").stdout, flags=re.MULTILINE)
    keys = {option.replace("-", "_") for option in options} - OF_THE_CALL
    assert set(job_keys()) == keys | {"source", "name", "detector"}


def test_a_run_has_the_defaults_of_the_options():
    given = {name: parameter.default for name, parameter in inspect.signature(align).parameters.items()}
    found = {field.name: field.default for field in fields(AlignRun)}
    assert {name: value for name, value in found.items() if value is not MISSING} == {
        name: given[name] for name, value in found.items() if value is not MISSING
    }


def test_the_values_of_a_job_reach_the_run(tmp_path):
    file = tmp_path / "jobs.toml"
    file.write_text(
        '[[job]]\nname = "one"\nsource = "a"\ntarget = ["b", "c"]\nout = "o"\nseed = 7\nsubjects = ["S1", "S5"]\n'
        'detector = "mine"\nplot = true\ndepth = "exact"\njobs = 3\nmax_size = "3G"\n'
    )
    (job,) = read_jobs(file, job_keys())
    run = run_of(job)
    assert run == AlignRun(
        source=[tmp_path / "a"],
        target=[tmp_path / "b", tmp_path / "c"],
        out=tmp_path / "o",
        seed=7,
        subjects=["S1", "S5"],
        name="mine",
        plot=True,
        depth="exact",
        jobs=3,
        max_size="3G",
        overwrite=True,
    )
    assert isinstance(run.out, Path)
