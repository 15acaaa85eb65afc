from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poseda_cli.json_text import json_text

NASTY = ["[\n  1,\n  2\n]", '{\n "a": 1\n}', '": 1,\n', "1", "null", "ä\u2028", "\\", '"']
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(NASTY) | st.text()
documents = st.recursive(
    leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(NASTY), inner)
)


@given(documents)
def test_nothing_is_changed_but_white_space(document):
    assert json.loads(json_text(document)) == document


def test_what_holds_numbers_alone_is_on_one_line():
    document = {
        "mean": {"source": {"p50": 0.5, "RHip-RKnee": -1e-07, "max": None}, "counts": [1, 2, 30]},
        "names": ["S1", "S5"],
        "mixed": [1, "S1"],
        "flags": [True],
        "empty": [],
    }
    assert (
        json_text(document)
        == """\
{
  "mean": {
    "source": {"p50": 0.5, "RHip-RKnee": -1e-07, "max": null},
    "counts": [1, 2, 30]
  },
  "names": [
    "S1",
    "S5"
  ],
  "mixed": [
    1,
    "S1"
  ],
  "flags": [
    true
  ],
  "empty": []
}"""
    )


@pytest.mark.parametrize("text", NASTY)
def test_texts_that_look_like_json_stay_texts(text):
    document = {"a": [text], "b": {text: 1}}
    assert json.loads(json_text(document)) == document
