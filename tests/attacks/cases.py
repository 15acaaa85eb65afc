"""Attacks by name: what is written, and what poseda says to it."""

from typing import NamedTuple

UNSAFE, DAMAGED, UNUSABLE, FOREIGN = "unsafe", "damaged", "unusable", "foreign-file"
# One of the two: whether a size is a lie or was cut off cannot be told.
REFUSED = f"{UNSAFE} {DAMAGED}"


class Attack(NamedTuple):
    """A hostile file.

    suffix : of the file
    content : its bytes, or what writes it to a path
    code : of the error, or several; None if it is harmless and read
    said : in the message, a regular expression
    """

    suffix: str
    content: object
    code: str | None
    said: str = ""

    def write(self, path):
        if callable(self.content):
            self.content(path)
        else:
            path.write_bytes(self.content)
