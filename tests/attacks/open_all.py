"""Open hostile archives, each in a process of its own that has little memory and little time, and say what came."""

import json
import os
import resource
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path

import cdflib  # noqa: F401
import h5py  # noqa: F401
import numpy as np
import scipy.io  # noqa: F401

from poseda_cli.errors import ArchiveError
from poseda_cli.storage.archive import open_archive
from poseda_cli.storage.files import zipped_files

MEMORY, SECONDS = 2 << 30, 15


def main():
    """Read paths from the standard input, write one JSON object for each."""
    for line in sys.stdin:
        print(json.dumps(in_a_process(json.loads(line))), flush=True)


def in_a_process(path):
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        with os.fdopen(writing, "w") as out:
            json.dump(limited(path), out)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        text = stream.read()
    _, status = os.waitpid(child, 0)
    return json.loads(text) if text else {"errors": [], "died": status}


def limited(path):
    # Time of ours, as the machine may be busy with other things; and some of the clock, for what waits. Either ends us.
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.setitimer(signal.ITIMER_REAL, 10 * SECONDS)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    found = opened(Path(path))
    found["seconds"] = time.process_time() - start
    found["mebibytes"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return found


def opened(path):
    """Everything that layouts do with an archive, whatever it says."""
    errors, values = [], []
    warnings.simplefilter("error")

    def attempt(look):
        try:
            return look()
        except ArchiveError as error:
            errors.append({"code": error.code, "member": error.member, "message": str(error)})
        except BaseException:
            errors.append({"code": "crash", "member": None, "message": traceback.format_exc()})
        return None

    if path.suffix == ".zip":
        for file in attempt(lambda: zipped_files(path, path.name)) or ():
            attempt(lambda file=file: file.open().read())
        return {"errors": errors, "values": values}
    archive = attempt(lambda: open_archive(path))
    if archive is None:
        return {"errors": errors, "values": values}
    attempt(lambda: archive.attributes)
    attempt(lambda: archive.decoded)
    for name, (_, dtype) in (attempt(lambda: archive.members) or {}).items():
        looks = (archive.outline, archive.tree) if dtype.kind == "O" and path.suffix != ".h5" else (archive.array,)
        for look in looks:
            value = attempt(lambda look=look, name=name: look(name))
            if value is not None:
                values.append(name)
                assert not isinstance(value, np.ndarray) or not value.dtype.hasobject or path.suffix == ".h5"
    return {"errors": errors, "values": values}


if __name__ == "__main__":
    main()
