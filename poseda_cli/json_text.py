"""JSON that people can read, too."""

from __future__ import annotations

import json
import re
from typing import Any

# A number, or nothing, on its line in indented JSON; and some of them.
_NUMBER = r'(?:"[^"\\\n]*": )?(?:-?[\d.]+(?:[eE][-+]?\d+)?|null)'
_NUMBERS = re.compile(rf"([{{\[])\n\s+({_NUMBER}(?:,\n\s+{_NUMBER})*)\n\s+([}}\]])")


def json_text(value: Any) -> str:
    """Indented JSON, with objects and lists of nothing but numbers on one line each."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    # JSON escapes the line breaks of texts: what is matched across lines is never within one.
    return _NUMBERS.sub(lambda found: _on_one_line(*found.groups()), text)


def _on_one_line(opening: str, numbers: str, closing: str) -> str:
    return opening + re.sub(r",\n\s+", ", ", numbers) + closing
