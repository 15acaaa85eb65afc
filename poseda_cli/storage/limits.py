"""How much of an archive is read: beyond that it is refused, as a few bytes can claim to be terabytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from poseda_cli.errors import UsageError

OPTION = "--max-size"
SIZE = re.compile(r"(\d{1,18})|(\d{1,18}(?:\.\d{1,9})?) ?([KMGT])(i?B)?", re.ASCII | re.IGNORECASE)
POWERS = {"K": 1, "M": 2, "G": 3, "T": 4}
# Beyond what any machine reads at once, a limit would be none.
MOST = 1 << 50
# A whole archive may have so many times what may be read at once of it.
TIMES = 16
# Counts beyond it are not spelled out; headers can claim numbers of thousands of digits.
LONGEST_COUNT = 1 << 64


@dataclass(frozen=True)
class Limits:
    """Bytes beyond which an archive is refused.

    Parameters
    ----------
    at_once : of what is read at once: a member, some rows of it, a file that is read as a whole
    whole : of all of an archive, or of a zip that stands for a folder, unpacked
    text : of a text file, which takes several times as much once it is parsed
    """

    # All of Human3.6M, 2D and 3D, is about half a GiB.
    at_once: int = 4 << 30
    whole: int = 64 << 30
    text: int = 1 << 30

    @classmethod
    def of(cls, size: int | str | None) -> Limits:
        """The limits that a user asks for.

        Parameters
        ----------
        size : how many bytes may be read at once, text included: a number, or text as `--max-size` takes it, 16G;
            the limit of a whole archive goes up with it, never down; None for the limits that hold by default

        Raises
        ------
        UsageError : no such size
        """
        if size is None:
            return DEFAULT
        count = _bytes_of(str(size).strip())
        if not 0 < count <= MOST:
            raise UsageError(
                f"{OPTION} {str(size) or repr(size)}: expected a size in bytes, or in K, M, G or T, as 500M or 16G, "
                "from 1 to 1024T; the limit can be raised, not switched off."
            )
        return cls(count, max(DEFAULT.whole, TIMES * count), count)


DEFAULT = Limits()


def too_large(size: int, limit: int, what: str = "bytes") -> str:
    """What a refusal says: '5,000,000,000 bytes; the limit is 4,294,967,296 (--max-size raises it).'.

    Parameters
    ----------
    size : bytes, more than `limit`
    limit : the one of `Limits` that it exceeds
    what : is counted, 'bytes when unpacked'
    """
    count = f"{size:,}" if size < LONGEST_COUNT else f"more than {LONGEST_COUNT:,}"
    return f"{count} {what}; {limit_is(limit)}."


def limit_is(limit: int) -> str:
    """'the limit is 4,294,967,296 (--max-size raises it)'."""
    return f"the limit is {limit:,} ({OPTION} raises it)"


def _bytes_of(text: str) -> int:
    """How many bytes a size is; 0 if it is none. K is 1024 as KiB is, and KB is 1000."""
    found = SIZE.fullmatch(text)
    if found is None:
        return 0
    count, number, unit, suffix = found.groups()
    if count:
        return int(count)
    base = 1000 if suffix and len(suffix) == 1 else 1024
    return int(Fraction(number) * base ** POWERS[unit.upper()])
