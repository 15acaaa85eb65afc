"""Alignments by name, for the rows of a probe: 'weak', 'jitter:20', 'match+bones'."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from poseda_cli.errors import UsageError, listed
from poseda_cli.probing import CEILING, SOURCE, VARIANTS
from poseda_cli.suggestions import did_you_mean

# What a number behind the name says, and an example of it.
NUMBERS = {"jitter": ("jitter", "jitter:20"), "bones": ("bones", "bones:0.1")}


def parse_variants(names: Iterable[str], settings: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """What each alignment has other than the options that all share, by its name as it was given.

    Parameters
    ----------
    names : from `probing.VARIANTS`; jitter:DEG, bones:SD; several with + between them
    settings : name from `probing.VARIANTS` -> further options wherever it occurs

    Raises
    ------
    UsageError : an alignment that there is not, or two that contradict each other
    """
    return {name: _combined(name, settings) for name in names}


def _combined(name: str, settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in name.split("+"):
        options = _options_of(part, settings)
        if both := [key for key in options if key in found]:
            raise UsageError(f"--variants {name}: two of its parts say {both[0]}; leave one of them out.")
        found |= options
    return found


def _options_of(part: str, settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    name, colon, number = part.partition(":")
    if name in (SOURCE, CEILING):
        raise UsageError(f"--variants {part}: source and ceiling are in every table; leave them out.")
    if name not in VARIANTS:
        raise UsageError(
            f"--variants {part}: no such alignment; there are {listed(VARIANTS, most=40)}, jitter:DEG, bones:SD, and "
            f"several with + between them.{did_you_mean(name, VARIANTS)}"
        )
    found = {**VARIANTS[name], **settings.get(name, {})}
    if not colon:
        return found
    if name not in NUMBERS:
        raise UsageError(f"--variants {part}: {name} takes no number.")
    key, example = NUMBERS[name]
    try:
        return {**found, key: float(number)}
    except ValueError:
        raise UsageError(f"--variants {part}: expected a number behind the colon, as in {example}.") from None
