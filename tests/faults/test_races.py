"""Several runs to one place at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import REPO
from tests.faults.places import ALIGN, align, state

RUNS = 10


@pytest.mark.parametrize("existed", [False, True], ids=["nothing there", "overwrite"])
def test_one_of_ten_wins_and_the_others_say_so(existed, tmp_path):
    out = tmp_path / "place" / "out"
    (tmp_path / "place").mkdir()
    if existed:
        align(out, "--seed", RUNS)
    command = [sys.executable, "-m", "poseda_cli", *ALIGN, "-o", str(out), *(["--overwrite"] if existed else [])]
    runs = [
        subprocess.Popen([*command, "--seed", str(seed)], cwd=REPO, stdout=-1, stderr=-1, text=True)
        for seed in range(RUNS)
    ]
    ends = [(run.communicate(timeout=120), run.returncode) for run in runs]
    won = [seed for seed, (_, code) in enumerate(ends) if code == 0]
    # With --overwrite one may begin when another one has ended.
    assert len(won) == 1 or (existed and won)
    for (stdout, stderr), code in ends:
        assert (code, stdout) in ((0, f"{out}/augmented.h5\n"), (4, ""))
        if code:
            assert "another run of poseda is writing there" in stderr or (not existed and "exists already" in stderr)
            assert len(stderr.splitlines()) == 1
    assert list(out.parent.iterdir()) == [out]
    assert state(out) in [align(tmp_path / f"alone {seed}", "--seed", seed) for seed in won]
