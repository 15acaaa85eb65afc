"""What `poseda align` and `poseda merge` say of poses that are not in the output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Entry = Mapping[str, Any]


def dropped_text(output: Entry) -> str:
    """Counts on the line that they end, and below it, of each reason, what was wrong and the first such pose.

    Parameters
    ----------
    output : as in summary.json, or what of it speaks of dropped poses
    """
    counts = [f"{count:,} {_words(reason)}" for reason, count in output["dropped"].items() if count]
    if not counts:
        return "none dropped"
    return "\n".join([f"dropped: {', '.join(counts)}", *_lines(output)])


def _lines(output: Entry) -> Iterator[str]:
    for reason, examples in output["dropped_examples"].items():
        if not examples:
            continue
        first, whys = examples[0], output["dropped_why"].get(reason, {})
        what = ", ".join(f"{count:,} {why}" for why, count in whys.items()) + ": " if len(whys) > 1 else ""
        detail = f" ({first['why']})" if "why" in first else ""
        before = f", before target {place_of(first['target'])}" if "target" in first else ""
        more = ", ..." if output["dropped"][reason] > 1 else ""
        yield f"  {_words(reason)}: {what}{place_of(first)}{detail}{before}{more}"


def place_of(pose: Entry) -> str:
    """Which pose an example is, in words."""
    return f"{pose['subject']} {pose['action']}, camera {pose['camera']}, frame {pose['frame']:,}"


def _words(reason: str) -> str:
    return reason.replace("_", " ")
