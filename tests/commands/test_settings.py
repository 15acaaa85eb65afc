"""Options from the environment and from poseda.toml: which one counts, what is said, what is refused."""

from __future__ import annotations

import json
import os
import re

import pytest

from tests.conftest import REPO

README = (REPO / "README.md").read_text(encoding="utf-8")
PARTS = ("--subjects", "S1", "--target-subjects", "TS1")
SHORT = ("--stride", "4", "--target-stride", "4")


@pytest.fixture
def planned(poseda, source_file, target_folder, tmp_path):
    """A dry run of align: the plan and what was said, under a poseda.toml and an environment."""

    def run(*arguments, toml="", **environment):
        (tmp_path / "poseda.toml").write_text(toml)
        command = ("align", source_file, "-t", target_folder, "-o", "out", "-n", "--json", *PARTS, *arguments)
        result = poseda(*command, **environment)
        return json.loads(result.stdout), result.stderr

    return run


@pytest.fixture
def refused(poseda, tmp_path):
    """What align says to a poseda.toml that it does not take."""

    def run(toml, **environment):
        if toml is not None:
            (tmp_path / "poseda.toml").write_bytes(toml if isinstance(toml, bytes) else toml.encode())
        result = poseda("align", "a", "-t", "b", "-o", "c", code=2, **environment)
        assert result.stdout == ""
        assert result.stderr.startswith("error: ")
        return result.stderr

    return run


class TestPrecedence:
    TOML = "[defaults]\nseed = 2\n[align]\nseed = 3\n"

    def test_the_command_line_comes_first(self, planned):
        assert planned("--seed", "5", toml=self.TOML, POSEDA_SEED="4")[0]["seed"] == 5

    def test_then_the_environment(self, planned):
        assert planned(toml=self.TOML, POSEDA_SEED="4")[0]["seed"] == 4

    def test_then_the_table_of_the_command(self, planned):
        assert planned(toml=self.TOML)[0]["seed"] == 3

    def test_then_the_table_for_all(self, planned):
        assert planned(toml="[defaults]\nseed = 2\n[convert]\nname = 'x'\n")[0]["seed"] == 2

    def test_then_the_default(self, planned):
        plan, said = planned(toml="[convert]\nname = 'x'\n", POSEDA_SEED="")
        assert plan["seed"] == 0
        assert "setting" not in said

    def test_what_is_stated_is_stated_even_where_it_is_the_default(self, planned):
        assert planned("--seed", "0", toml=self.TOML)[0]["seed"] == 0

    def test_a_flag_that_the_file_has_on_is_off_in_the_environment(self, planned):
        toml = "[align]\ninclude_source = true\n"
        assert planned(toml=toml)[0]["options"]["include_source"] is True
        assert planned(toml=toml, POSEDA_INCLUDE_SOURCE="0")[0]["options"]["include_source"] is False


class TestValues:
    def test_lists(self, planned):
        toml = 'align = { actions = ["Walking 1", "Sitting"], target_cameras = "TS1", stride = 2 }'
        options = planned(toml=toml)[0]["options"]
        assert (options["actions"], options["target_cameras"], options["stride"]) == (
            ["Walking 1", "Sitting"],
            ["TS1"],
            2,
        )

    def test_names_with_spaces_in_the_environment(self, planned):
        assert planned(POSEDA_ACTIONS="Walking 1,Sitting")[0]["options"]["actions"] == ["Walking 1", "Sitting"]

    def test_paths_and_places(self, poseda, source_file, target_folder, tmp_path):
        (tmp_path / "TS1").symlink_to(target_folder / "TS1")
        (tmp_path / "poseda.toml").write_text('[align]\ntarget = ["TS1"]\nout = "from file"\n')
        poseda("align", source_file, *SHORT, "-q", "--subjects", "S1")
        assert (tmp_path / "from file" / "augmented.h5").is_file()
        both = f"{target_folder}/TS1{os.pathsep}{target_folder}/TS2"
        result = poseda("align", source_file, "-n", "-o", "out", *SHORT, POSEDA_TARGET=both)
        assert "subjects TS1, TS2\n" in result.stderr

    def test_the_bytes_do_not_depend_on_where_values_come_from(self, poseda, source_file, target_folder, tmp_path):
        command = ("align", source_file, "-t", target_folder, *PARTS, *SHORT)
        poseda(*command, "-o", "stated", "--seed", "7", "--depth", "exact")
        (tmp_path / "poseda.toml").write_text('[align]\ndepth = "exact"\n')
        poseda(*command, "-o", "set", POSEDA_SEED="7")
        for name in ("augmented.h5", "summary.json"):
            assert (tmp_path / "stated" / name).read_bytes() == (tmp_path / "set" / name).read_bytes()

    def test_other_commands_take_them(self, poseda, tmp_path):
        (tmp_path / "poseda.toml").write_text("[layouts]\njson = true\n")
        assert json.loads(poseda("layouts").stdout)
        assert json.loads(poseda("cameras", "TS1", POSEDA_JSON="true").stdout)


def test_the_file_of_the_readme(planned):
    (toml,) = (block for block in re.findall(r"```toml\n(.*?)```", README, re.DOTALL) if "poseda.toml" in block)
    plan, said = planned(toml=toml)
    assert (plan["options"]["depth"], plan["options"]["include_source"]) == ("exact", True)
    assert said.startswith(
        "settings: max size 16G (poseda.toml [defaults]), depth exact (poseda.toml [align]), "
        "include source on (poseda.toml [align])\n"
    )


class TestWhatIsSaid:
    TOML = "[defaults]\njobs = 1\n[align]\nseed = 3\ndepth = 'weak'\n"

    def test_one_line_of_what_is_no_default(self, planned):
        said = planned(toml=self.TOML, POSEDA_COPIES="2")[1]
        assert said.splitlines()[0] == (
            "settings: copies 2 (POSEDA_COPIES), seed 3 (poseda.toml [align]), jobs 1 (poseda.toml [defaults])"
        )

    def test_verbosely_a_line_each(self, planned):
        said = planned("-v", toml=self.TOML)[1]
        assert said.splitlines()[:2] == [
            "setting: --seed 3, from poseda.toml [align]",
            "setting: --jobs 1, from poseda.toml [defaults]",
        ]

    def test_quietly_nothing(self, planned):
        assert planned("-q", toml=self.TOML, POSEDA_SEDE="3")[1] == ""
        assert planned(toml=self.TOML, POSEDA_QUIET="1")[1] == ""

    def test_a_variable_that_nobody_reads(self, planned):
        said = planned(POSEDA_SEDE="3", POSEDA_POSES="4", POSEDA_XYZZYXY="")[1].splitlines()
        assert said[0] == "warning: POSEDA_SEDE is the variable of no option; near it: POSEDA_SEED."
        assert said[1] == "warning: POSEDA_XYZZYXY is the variable of no option."
        assert not any("POSEDA_POSES" in line for line in said)  # that of `poseda sample`

    def test_help_shows_defaults_and_takes_no_file(self, poseda, tmp_path):
        (tmp_path / "poseda.toml").write_text("[")
        assert "[default: weak]" in poseda("align", "--help", POSEDA_DEPTH="exact").stdout


REFUSED = {
    "unknown key": (
        "[align]\nsede = 1",
        "poseda.toml: [align] sede: poseda align has no such option. Did you mean seed?",
    ),
    "hyphen": ("[align]\ntarget-subjects = 'TS1'", "Did you mean target_subjects"),
    "key of another command": ("[align]\nposes = 3", "poseda align has no such option."),
    "key of no command": ("[defaults]\nsubject = 'S1'", "no command has such an option. Did you mean subjects"),
    "unknown table": ("[alin]\nseed = 1", "poseda.toml: [alin] is no command, and not [defaults]. Did you mean align?"),
    "no table": ("seed = 1", "poseda.toml: seed stands in no table"),
    "table for a command": ("align = 1", "poseda.toml: align stands in no table"),
    "argument": ("[align]\nsource = 'a'", "poseda align has no such option."),
    "eager": ("[align]\nhelp = true", "poseda align has no such option."),
    "text for a number": ("[align]\nseed = 'x'", "Invalid value for poseda.toml [align] seed = x: "),
    "truth for a number": ("[align]\nseed = true", "poseda.toml: [align] seed is true, expected a text or a number."),
    "number for a flag": (
        "[align]\noverwrite = 1",
        "poseda.toml: [align] overwrite is a number, expected true or false.",
    ),
    "list for one": ("[align]\nseed = [1, 2]", "poseda.toml: [align] seed is a list"),
    "date": ("[align]\nseed = 1979-05-27", "poseda.toml: [align] seed is a date or time"),
    "table in a list": ("[align]\nto = [{}]", "poseda.toml: [align] to is a table"),
    "out of range": ("[align]\nstride = 0", "Invalid value for poseda.toml [align] stride = 0: "),
    "choice": ("[align]\ndepth = 'exat'", "'exat' is not one of 'weak', 'exact'. Did you mean exact?"),
    "no TOML": ("[align]\n\nseed = \n", "poseda.toml: is not TOML: Invalid value (at line 3, column 8)."),
    "twice": ("[align]\n[align]\n", "poseda.toml: is not TOML: Cannot declare ('align',) twice (at line 2, column 7)."),
    "no text": (b"\xff\x00", "poseda.toml: is no text in UTF-8."),
    "binary": (b"\x00\x01\x02", "poseda.toml: is not TOML: "),
    "huge": (b"#" * 2_000_000, "poseda.toml: is larger than 1 MiB"),
    "deep": ("[align]\nto = " + "[" * 100_000, "poseda.toml: "),
    "many digits": (f"[align]\nseed = {'9' * 10_000}", "poseda.toml: is not TOML: "),
    "many digits, hexadecimal": (
        f"[align]\nseed = 0x{'f' * 10_000}",
        "poseda.toml: [align] seed is a number that is too",
    ),
    "steering": ("[align]\n'a\\u001b[2J' = 1\n\"b\\u001b[2J\" = 1", "poseda.toml: "),
}


class TestRefusals:
    @pytest.mark.parametrize("name", REFUSED)
    def test_of_the_file(self, name, refused):
        toml, message = REFUSED[name]
        said = refused(toml)
        assert message in said
        assert "\x1b" not in said
        assert len(said) < 600

    def test_a_folder(self, refused, tmp_path):
        (tmp_path / "poseda.toml").mkdir()
        assert "poseda.toml: is a folder or a device" in refused(None)

    def test_a_pipe_is_not_waited_for(self, refused, tmp_path):
        os.mkfifo(tmp_path / "poseda.toml")
        assert "poseda.toml: is a folder or a device" in refused(None)

    @pytest.mark.parametrize(
        ("variable", "value"), [("POSEDA_SEED", "x"), ("POSEDA_OVERWRITE", "maybe"), ("POSEDA_COPIES", "0")]
    )
    def test_of_the_environment(self, variable, value, refused):
        said = refused(None, **{variable: value})
        assert said.startswith(f"error: Invalid value for {variable}={value}: ")
        assert said.endswith("\nTry 'poseda align --help'.\n")

    def test_the_command_line_is_named_as_ever(self, poseda):
        said = poseda("align", "a", "-t", "b", "-o", "c", "--seed", "x", code=2, POSEDA_SEED="4").stderr
        assert said.startswith("error: Invalid value for '--seed': ")
