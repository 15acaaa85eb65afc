"""How much memory there is for this process: by the machine, its container, and its own limits, whichever is least.

Linux says all of that in files; where there are none nobody knows, and nothing is said.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

ROOT = Path("/")
STATUS, MACHINE, GROUPS = "proc/self/status", "proc/meminfo", "proc/self/cgroup"


class _Files(NamedTuple):
    """Where a version of cgroups has its limit, what is used of it, and how its statistics call pages of files.

    Files that were read stay in memory until somebody needs the place, and count as used.
    """

    limit: str
    used: str
    reclaimable: str


VERSION_1 = _Files("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
VERSION_2 = _Files("memory.max", "memory.current", "inactive_file")


def available(root: Path = ROOT) -> int | None:
    """Bytes that this process may still take.

    Parameters
    ----------
    root : where proc and sys lie

    Returns
    -------
    The least of what the machine has (with swap), what the cgroups around the process leave, and what `ulimit -v` and
    `ulimit -d` leave; None where the system does not say.
    """
    left = [*_of_machine(root), *_of_groups(root), *_of_limits(root)]
    return max(0, min(left)) if left else None


def resident(root: Path = ROOT) -> int:
    """Bytes of memory that this process has; 0 where the system does not say."""
    return _sizes(root / STATUS).get("VmRSS", 0)


def _of_machine(root: Path) -> Iterator[int]:
    sizes = _sizes(root / MACHINE)
    if "MemAvailable" in sizes:
        yield sizes["MemAvailable"] + sizes.get("SwapFree", 0)


def _of_limits(root: Path) -> Iterator[int]:
    try:
        import resource
    except ImportError:  # Windows
        return
    sizes = _sizes(root / STATUS)
    for limit, used in ((resource.RLIMIT_AS, "VmSize"), (resource.RLIMIT_DATA, "VmData")):
        most, _ = resource.getrlimit(limit)
        if most != resource.RLIM_INFINITY and used in sizes:
            yield most - sizes[used]


def _of_groups(root: Path) -> Iterator[int]:
    for line in _text(root / GROUPS).splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield from _of_group(root / "sys/fs/cgroup", path, VERSION_2)
        elif "memory" in controllers.split(","):
            yield from _of_group(root / "sys/fs/cgroup/memory", path, VERSION_1)


def _of_group(mount: Path, path: str, files: _Files) -> Iterator[int]:
    """What a group and those around it leave; in a container the path may be the host's, and the mount is the group."""
    inner = PurePosixPath(path.lstrip("/"))
    for group in (inner, *inner.parents):
        place = mount / group
        limit, used = _text(place / files.limit).strip(), _text(place / files.used).strip()
        if limit.isdecimal() and used.isdecimal():  # without a limit, it is the word max
            yield int(limit) - int(used) + _reclaimable(place, files)


def _reclaimable(group: Path, files: _Files) -> int:
    found = re.search(rf"^{files.reclaimable} (\d+)$", _text(group / "memory.stat"), re.MULTILINE)
    return int(found[1]) if found else 0


def _sizes(file: Path) -> dict[str, int]:
    """Lines `MemAvailable:  24236224 kB`, in bytes."""
    lines = re.findall(r"^(\w+):\s+(\d+) kB$", _text(file), re.MULTILINE)
    return {name: int(kibibytes) << 10 for name, kibibytes in lines}


def _text(file: Path) -> str:
    """What is in a file of the system; nothing where there is none."""
    with contextlib.suppress(OSError):
        return file.read_text("utf-8", "replace")
    return ""
