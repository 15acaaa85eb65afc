from __future__ import annotations

import pytest

from poseda_cli.errors import UsageError
from poseda_cli.probing import VARIANTS
from poseda_cli.variants import parse_variants

SETTINGS = {"match": {"yaw": 90.0, "target_tilt": 5.0}, "jitter": {"yaw": 90.0}, "bones": {"bones": 0.07}}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("weak", {"depth": "weak"}),
        ("match", {"view": "match", "yaw": 90.0, "target_tilt": 5.0}),
        ("jitter", {"view": "jitter", "yaw": 90.0}),
        ("jitter:20", {"view": "jitter", "yaw": 90.0, "jitter": 20.0}),
        ("bones", {"bones": 0.07}),
        ("bones:0.1", {"bones": 0.1}),
        ("weak+jitter", {"depth": "weak", "view": "jitter", "yaw": 90.0}),
        ("exact+jitter:5+bones:0.2", {"depth": "exact", "view": "jitter", "yaw": 90.0, "jitter": 5.0, "bones": 0.2}),
    ],
)
def test_options_of_a_name(name, expected):
    assert parse_variants([name], SETTINGS) == {name: expected}


def test_every_variant_has_its_own_options_and_keeps_its_place():
    names = list(reversed(VARIANTS))
    assert list(parse_variants(names, {})) == names
    assert parse_variants(names, {}) == {name: dict(VARIANTS[name]) for name in names}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("weka", "--variants weka: no such alignment; there are weak, exact, match, .*Did you mean weak"),
        ("jiter:20", r"--variants jiter:20: no such alignment; .*Did you mean jitter\?"),
        ("weak+macth", r"--variants macth: .*Did you mean match\?"),
        ("weak+", "--variants : no such alignment"),
        ("source", "--variants source: source and ceiling are in every table"),
        ("weak+ceiling", "--variants ceiling: source and ceiling are in every table"),
        ("weak+exact", "--variants weak\\+exact: two of its parts say depth"),
        ("match+jitter", "--variants match\\+jitter: two of its parts say view"),
        ("bones+bones:0.1", "two of its parts say bones"),
        ("weak:2", "--variants weak:2: weak takes no number"),
        ("jitter:much", "--variants jitter:much: expected a number behind the colon, as in jitter:20"),
        ("bones:", "--variants bones:: expected a number behind the colon, as in bones:0.1"),
    ],
)
def test_what_cannot_be_meant(name, message):
    with pytest.raises(UsageError, match=message):
        parse_variants([name], SETTINGS)
