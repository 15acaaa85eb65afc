"""Open every gadget of `gadgets` through poseda, or un-pickle it, and say what came of each."""

import contextlib
import io
import json
import os
import pickle
import sys
import warnings
from pathlib import Path

from poseda_cli.errors import ArchiveError
from poseda_cli.storage.archive import open_archive

from .gadgets import ARMED, CONTAINERS, OTHERS, PROTOCOLS, by_opcode, pickled


def pickles(folder):
    """Name, marker and bytes of every pickle."""
    for name, gadget in {**ARMED, **OTHERS}.items():
        for protocol in PROTOCOLS:
            marker = str(folder / f"marker {name} {protocol}".replace(" ", "-"))
            yield f"{name}, protocol {protocol}", marker, pickled(gadget(marker), protocol)
    marker = str(folder / "marker-of-opcodes")
    for name, data in by_opcode(marker).items():
        yield name, marker, data


def refused(folder):
    """What poseda says to each of them, in each container."""
    for number, (name, marker, data) in enumerate(pickles(folder)):
        for suffix, wrap in CONTAINERS.items():
            path = folder / f"{number}.{suffix}"
            path.write_bytes(wrap(data))
            for look in ("tree", "outline"):
                yield {"name": name, "suffix": suffix, "look": look, "file": path.name, **said(path, look),
                       "ran": Path(marker).exists()}  # fmt: skip


def said(path, look):
    try:
        archive = open_archive(path)
        (member,) = archive.members
        getattr(archive, look)(member)
    except ArchiveError as error:
        return {"code": error.code, "message": str(error)}
    return {"code": None, "message": "it was read"}


def ran(folder):
    """Whether Python's own reader runs each of those that are armed."""
    for name, marker, data in pickles(folder):
        if name.split(", ")[0] in ARMED:
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    pickle.loads(data)
            except Exception as error:
                yield {"name": name, "ran": Path(marker).exists(), "error": repr(error)}
            else:
                yield {"name": name, "ran": Path(marker).exists(), "error": None}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    os.environ["PATH"] = os.defpath
    folder = Path(sys.argv[2])
    print(json.dumps(list({"refused": refused, "ran": ran}[sys.argv[1]](folder))))
