"""What can go wrong, by whose fault; every message says where, what was found and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Signs that steer a terminal or turn the order of a line; names inside a file may hold them.
STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
LONGEST_MEMBER, LONGEST_MESSAGE = 200, 2000


class PosedaError(Exception):
    """Root of every error that poseda raises on purpose."""


class UsageError(PosedaError):
    """Options that contradict each other or have no meaning here."""


class InputError(PosedaError):
    """Data that cannot be used: the archive, its content, or a selection from it."""


class ArchiveError(InputError):
    """A file that cannot be read as an archive.

    Parameters
    ----------
    path : the file, as the user named it
    message : what was found, what was expected, what to do
    member : the member, data set or key inside the file, where one is to blame
    code : what is wrong, in one word, as `poseda inspect --json` has it
    """

    code = "unusable"

    def __init__(self, path: object, message: str, member: str | None = None, *, code: str | None = None) -> None:
        self.path = path
        self.member = member
        self.code = code or self.code
        where = one_line(str(path)) + (f": {one_line(shortened(member, LONGEST_MEMBER))}" if member else "")
        super().__init__(STEERING.sub("\ufffd", f"{where}: {shortened(message, LONGEST_MESSAGE)}"))


class DamagedArchiveError(ArchiveError):
    """Truncated or altered bytes."""

    code = "damaged"


class UnsafeArchiveError(ArchiveError):
    """Content that reading pose data never needs: code, foreign files, absurd sizes."""

    code = "unsafe"


class ForeignFileError(ArchiveError):
    """A file of another kind altogether."""

    code = "foreign-file"


class MissingExtraError(ArchiveError):
    """A file that takes a package which is not installed.

    Parameters
    ----------
    path : the file
    what : its kind
    package : what reads it
    extra : the extra of poseda that brings the package
    """

    code = "missing-extra"

    def __init__(self, path: object, what: str, package: str, extra: str) -> None:
        super().__init__(path, f"{what}; reading it takes {package}: pip install 'poseda[{extra}]'.")


class UnknownLayoutError(ArchiveError):
    """An archive that no layout recognises."""

    code = "unknown-layout"


class AmbiguousLayoutError(ArchiveError):
    """A place that holds archives of several layouts."""

    code = "ambiguous-layout"


class SkeletonError(InputError):
    """Joint sets that cannot be mapped to each other."""


class OutputError(PosedaError):
    """The output could not be written; nothing of it was left behind."""


def one_line(text: str) -> str:
    """A name that a file or a folder chose, without signs that steer a terminal or end a line."""
    return STEERING.sub("\ufffd", text).replace("\n", "\ufffd")


def shortened(text: str, most: int = 200) -> str:
    """As much of a text that a file chose as a message can quote."""
    return text if len(text) <= most else f"{text[:most]}..."


def listed(names: Iterable[object], most: int = 12) -> str:
    """The names as one readable line, cut after `most` of them."""
    texts = [shortened(one_line(str(name))) for name in names]
    if len(texts) > most:
        return f"{', '.join(texts[:most])}, ... ({len(texts) - most} more)"
    return ", ".join(texts) or "nothing"
