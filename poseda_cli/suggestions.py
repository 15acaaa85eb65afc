"""Names that somebody may have meant."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from poseda_cli.errors import listed, shortened

MOST = 3
# How alike names are that are taken for slips of the hand, from 0 to 1.
ALIKE = 0.7
# How much less alike than the best another one may be.
AS_GOOD = 0.1
# Names that are looked at: files may hold very many.
MOST_KNOWN = 10_000


def nearest(given: str, known: Iterable[object]) -> list[str]:
    """The known names that are most like one that is not known, however they are capitalised; best first."""
    from difflib import SequenceMatcher, get_close_matches

    wanted = shortened(given).casefold()
    names: dict[str, list[str]] = {}
    for name in islice(map(str, known), MOST_KNOWN):
        names.setdefault(shortened(name).casefold(), []).append(name)
    found = get_close_matches(wanted, names, MOST, ALIKE)
    alike = [SequenceMatcher(None, folded, wanted).ratio() for folded in found]
    good = [folded for folded, ratio in zip(found, alike, strict=True) if ratio >= max(alike) - AS_GOOD]
    return [name for folded in good for name in names[folded]][:MOST]


def did_you_mean(given: str, known: Iterable[object]) -> str:
    """' Did you mean S1, S11?', or nothing if no known name is like it."""
    near = nearest(given, known)
    return f" Did you mean {listed(near)}?" if near else ""
