"""JOBS.toml: what a job is, how lists multiply it, what placeholders become, and all that is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from poseda_cli.errors import InputError, UsageError
from poseda_cli.jobs import Key, check_inputs, read_jobs

KEYS = {
    "source": Key("paths", needed=True),
    "target": Key("paths", needed=True),
    "out": Key("path", needed=True, filled=True),
    "name": Key("text", filled=True),
    "layout": Key("text"),
    "subjects": Key("names"),
    "depth": Key("text", "weak", choices=("weak", "exact")),
    "seed": Key("number", 0, least=0),
    "tilt": Key("decimal", 0.5, most=90),
    "plot": Key("flag", False),
    "include_source": Key("flag", False),
    "shard": Key("text"),
}
SIDES = 'source = ["a.npz"]\ntarget = ["b"]\n'


@pytest.fixture
def jobs_of(tmp_path):
    def read(text):
        file = tmp_path / "jobs.toml"
        file.write_text(text, encoding="utf-8")
        return read_jobs(file, KEYS)

    return read


@pytest.fixture
def refusal(jobs_of):
    def refused(text):
        with pytest.raises(UsageError) as found:
            jobs_of(text)
        return str(found.value).split("jobs.toml: ", 1)[1]

    return refused


def test_one_job_has_what_it_says_and_the_defaults(jobs_of, tmp_path):
    (job,) = jobs_of('[defaults]\nseed = 3\ndepth = "exact"\n[[job]]\ndepth = "weak"\nout = "o"\n' + SIDES)
    assert job.values == {
        "source": [tmp_path / "a.npz"],
        "target": [tmp_path / "b"],
        "layout": None,
        "subjects": None,
        "depth": "weak",
        "seed": 3,
        "tilt": 0.5,
        "plot": False,
        "include_source": False,
        "shard": None,
    }
    assert (job.out, job.name, job.where) == (tmp_path / "o", "o", "[[job]] 1")


def test_lists_multiply_the_last_key_first(jobs_of):
    head = f"[defaults]\n{SIDES}seed = [0, 1, 2]\n[[job]]\n"
    text = head + 'depth = ["weak", "exact"]\nname = "{depth}{seed}"\nout = "{name}"'
    names = ["weak0", "exact0", "weak1", "exact1", "weak2", "exact2"]
    assert [job.name for job in jobs_of(text)] == names
    assert [job.out.name for job in jobs_of(text)] == names
    assert [(job.values["seed"], job.values["depth"]) for job in jobs_of(text)][:2] == [(0, "weak"), (0, "exact")]


def test_a_list_of_paths_or_names_is_one_value_and_a_list_of_lists_multiplies(jobs_of, tmp_path):
    jobs = jobs_of(
        '[[job]]\nsource = ["a", "b"]\ntarget = [["c"], ["d/e.npz", "f"], "g"]\nsubjects = [["S1", "S5"], ["S9"]]\n'
        'out = "{target}_{subjects}"\n'
    )
    assert {tuple(job.values["source"]) for job in jobs} == {(tmp_path / "a", tmp_path / "b")}
    assert [job.out.name for job in jobs] == ["c_S1+S5", "c_S9", "e+f_S1+S5", "e+f_S9", "g_S1+S5", "g_S9"]
    assert [job.values["subjects"] for job in jobs[:2]] == [["S1", "S5"], ["S9"]]


def test_text_stands_for_a_list_of_one(jobs_of, tmp_path):
    (job,) = jobs_of('[[job]]\nsource = "a"\ntarget = "b"\nsubjects = "S1,S5"\nout = "o"\n')
    assert (job.values["source"], job.values["subjects"]) == ([tmp_path / "a"], ["S1,S5"])


@pytest.mark.parametrize(
    ("out", "made"),
    [
        ("s{seed}", "s7"),
        ("{{{seed}}}", "{7}"),
        ("{plot}-{depth}-{tilt}", "false-exact-0.5"),
        ("shard-{shard}", "shard-2-8"),
        ("{source}", "a"),
        ("{name}/x", "one 7/x"),
    ],
)
def test_placeholders(jobs_of, tmp_path, out, made):
    head = f'[[job]]\n{SIDES}name = "one {{seed}}"\nseed = 7\ndepth = "exact"\nshard = "2/8"\n'
    (job,) = jobs_of(f'{head}out = "{out}"')
    assert job.out == tmp_path / made


def test_a_number_that_has_decimals_may_be_written_without(jobs_of):
    (job,) = jobs_of(f"[[job]]\n{SIDES}out='o'\ntilt=3")
    assert repr(job.values["tilt"]) == "3.0"


def test_paths_are_seen_from_the_file_and_from_home(jobs_of, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    (job,) = jobs_of('[[job]]\nsource = ["~/a.npz", "/b", "../c"]\ntarget = ["d"]\nout = "~/o"')
    assert job.values["source"] == [Path("/home/someone/a.npz"), Path("/b"), tmp_path / "../c"]
    assert job.out == Path("/home/someone/o")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no job: expected at least one [[job]] with source, target, out."),
        ("[[jobs]]\nout = 1", "jobs: expected [defaults] and [[job]] alone. Did you mean job?"),
        ("[job]\nout = 1", "job: expected tables, each of them below its own [[job]]."),
        ("defaults = 3\n[[job]]\nout='o'\n" + SIDES, "defaults: expected a table, [defaults]."),
        (f"[[job]]\n{SIDES}", "[[job]] 1: out is missing."),
        (f"[[job]]\n{SIDES}out='o'\nsed = 3", "[[job]] 1: no key sed. Did you mean seed?"),
        (
            f"[[job]]\n{SIDES}out='o'\ninclude-source = true",
            "[[job]] 1: no key include-source. Did you mean include_source?",
        ),
        (f"[defaults]\nsead = 3\n[[job]]\n{SIDES}out='o'", "[defaults]: no key sead. Did you mean seed?"),
        (
            f"[[job]]\n{SIDES}out='o'\nzzz = 3",
            "no key zzz; there are source, target, out, name, layout, subjects, depth, ",
        ),
        (f"[[job]]\n{SIDES}out='o'\nname='n'\nseed='3'", "[[job]] 1 (n): seed: '3', expected a whole number."),
        (f"[[job]]\n{SIDES}out='o'\nseed=true", "seed: True, expected a whole number."),
        (f"[[job]]\n{SIDES}out='o'\nseed=1.0", "seed: 1.0, expected a whole number."),
        (f"[[job]]\n{SIDES}out='o'\nseed=-1", "seed: -1 is less than 0."),
        (f"[[job]]\n{SIDES}out='o'\nseed=[]", "seed: the list is empty; expected a whole number."),
        (f"[[job]]\n{SIDES}out='o'\nseed=[[1]]", "seed: [1], expected a whole number."),
        (f"[[job]]\n{SIDES}out='o'\nplot=1", "plot: 1, expected true or false."),
        (f"[[job]]\n{SIDES}out='o'\ntilt='1'", "tilt: '1', expected a number."),
        (f"[[job]]\n{SIDES}out='o'\ntilt=90.5", "tilt: 90.5 is more than 90."),
        (f"[[job]]\n{SIDES}out='o'\ntilt=nan", "tilt: nan, expected a number."),
        (f"[[job]]\n{SIDES}out='o'\ntilt=1{'0' * 400}", ", expected a number."),
        (f"[[job]]\n{SIDES}out='o'\nlayout=''", "layout: '', expected text in quotes."),
        (f"[[job]]\n{SIDES}out='o'\nsubjects=[1]", "subjects: [1], expected a list of texts in quotes."),
        (f"[[job]]\n{SIDES}out='o'\nsubjects=[['S1'], []]", "subjects: [], expected a list of texts in quotes."),
        ("[[job]]\nsource=1\ntarget='b'\nout='o'", "source: 1, expected a list of paths in quotes."),
        (f"[[job]]\n{SIDES}out=['o', 2]", "out: 2, expected a path in quotes."),
        (f"[[job]]\n{SIDES}out='o'\ndepth='week'", "depth: 'week' is not one of weak, exact. Did you mean weak?"),
        (f"[[job]]\n{SIDES}out='o{{sed}}'", "out: {sed} is no key. Did you mean seed?"),
        (f"[[job]]\n{SIDES}out='o{{layout}}'", "out: {layout} has no value in this job."),
        (f"[[job]]\n{SIDES}out='o{{name}}'", "out: {name} has no value in this job."),
        (f"[[job]]\n{SIDES}out='o{{'", "out: 'o{' has a lone {; write {{ for one."),
        (f"[[job]]\n{SIDES}out='o'\nname='{{name}}'", "name: {name} has no value in this job."),
        (f'[[job]]\n{SIDES}out="o"\nname="a\\nb"', "is no line of text."),
        ("[[job]\n", "no TOML: "),
        ("a = " + "[" * 5000, "no TOML: "),
    ],
)
def test_what_cannot_be_meant(refusal, text, message):
    assert message in refusal(text)


def test_all_that_is_wrong_is_said_at_once(refusal):
    text = refusal("[defaults]\nsead = 1\n" + SIDES + "[[job]]\nout = 'o'\nseed = 'x'\nplot = 3\n[[job]]\n")
    assert text.splitlines() == [
        "nothing was run.",
        "  [defaults]: no key sead. Did you mean seed?",
        "  [[job]] 1: seed: 'x', expected a whole number.",
        "  [[job]] 1: plot: 3, expected true or false.",
        "  [[job]] 2: out is missing.",
    ]


def test_what_is_wrong_with_the_defaults_is_said_once(refusal):
    assert refusal("[defaults]\nseed='x'\n" + SIDES + "[[job]]\nout='o'\n[[job]]\nout='p'") == (
        "[defaults]: seed: 'x', expected a whole number."
    )


def test_lists_that_multiply_beyond_reason(refusal):
    seeds = list(range(200))
    tilts = [seed / 4 for seed in seeds]
    text = refusal(f"[[job]]\n{SIDES}out='o{{seed}}{{tilt}}'\nseed={seeds}\ntilt={tilts}")
    assert text == "[[job]] 1: its lists multiply to 40,000 jobs, expected at most 10,000."


@pytest.mark.parametrize(
    ("first", "second"),
    [("o", "o"), ("o", "./x/../o"), ("o", "O"), ("link/o", "real/o"), ("caf\u00e9", "cafe\u0301")],
)
def test_two_jobs_to_one_place(refusal, tmp_path, first, second):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    text = refusal(f"[defaults]\n{SIDES}[[job]]\nname='a'\nout='{first}'\n[[job]]\nname='b'\nout='{second}'\n")
    assert "[[job]] 1 (a) and [[job]] 2 (b): two jobs write to " in text
    assert "add what they differ in to out, as {seed}." in text


def test_two_jobs_to_one_place_by_what_placeholders_become(refusal):
    text = refusal(f"[[job]]\n{SIDES}seed=[1, 2]\nname='x'\nout='o{{seed}}'")
    assert text == "[[job]] 1 (x): two jobs have the name x; add what they differ in to name, as {seed}."
    assert "[[job]] 1: two jobs write to " in refusal(f"[[job]]\n{SIDES}seed=[1, 2]\nout='o'")
    text = refusal(f"[defaults]\n{SIDES}[[job]]\nname='a'\nseed=7\nout='o{{seed}}'\n[[job]]\nname='b'\nout='o7'")
    assert "two jobs write to " in text


def test_a_place_within_another_ones_or_within_what_is_read(refusal, tmp_path):
    jobs = f"[defaults]\n{SIDES}[[job]]\nname='a'\nout='runs'\n[[job]]\nname='b'\nout='runs/b'\n"
    assert f"[[job]] 2 (b): {tmp_path}/runs/b lies in {tmp_path}/runs, which [[job]] 1 (a) writes." in refusal(jobs)
    assert f"/b/o lies in {tmp_path}/b, which [[job]] 1 reads." in refusal(f"[[job]]\n{SIDES}out='b/o'")
    chained = "[[job]]\nsource='a'\ntarget='b'\nout='o'\n[[job]]\nsource='o/x.h5'\ntarget='b'\nout='p'"
    assert f"[[job]] 2 reads {tmp_path}/o/x.h5, which [[job]] 1 writes ({tmp_path}/o)." in refusal(chained)


def test_missing_files_are_all_named(jobs_of, tmp_path):
    (tmp_path / "b").mkdir()
    jobs = jobs_of(
        f"[[job]]\n{SIDES}seed=[1,2]\nname='n{{seed}}'\nout='o{{seed}}'\n[[job]]\nsource='c'\ntarget='b'\nout='x'"
    )
    with pytest.raises(InputError) as found:
        check_inputs(Path("jobs.toml"), jobs, KEYS)
    assert str(found.value).splitlines() == [
        "jobs.toml: nothing was run.",
        f"  {tmp_path}/a.npz: no such file or folder (job n1, n2).",
        f"  {tmp_path}/c: no such file or folder (job x).",
    ]
    (tmp_path / "a.npz").touch()
    (tmp_path / "c").symlink_to(tmp_path / "b")
    check_inputs(Path("jobs.toml"), jobs, KEYS)


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="no such file or directory"):
        read_jobs(tmp_path / "jobs.toml", KEYS)
    with pytest.raises(InputError, match="is a directory"):
        read_jobs(tmp_path, KEYS)
    (tmp_path / "latin").write_bytes(b"# caf\xe9\n")
    with pytest.raises(UsageError, match="byte 5 is none"):
        read_jobs(tmp_path / "latin", KEYS)
