import resource
import subprocess
import sys

import pytest

from poseda_cli.storage import memory

GIB = 1 << 30
# As Linux writes it, of a process of 50 MiB with 300 MiB of addresses.
STATUS = "Name:\tpython\nVmPeak:\t  409600 kB\nVmSize:\t  307200 kB\nVmRSS:\t   51200 kB\nVmData:\t  102400 kB\n"
MEMINFO = "MemTotal:       24683520 kB\nMemFree:         1048576 kB\nMemAvailable:    8388608 kB\n"


@pytest.fixture
def root(tmp_path):
    def write(**files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


def group(place, names, *values):
    return {f"sys/fs/cgroup/{place}{name}": value for name, value in zip(names, values, strict=True)}


V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat")
V2 = ("memory.max", "memory.current", "memory.stat")
V1_ENDLESS = "9223372036854771712\n"


def test_nothing_is_known_where_the_system_does_not_say(tmp_path):
    assert memory.available(tmp_path) is None
    assert memory.resident(tmp_path) == 0


def test_machine(root):
    assert memory.available(root(**{"proc/meminfo": MEMINFO})) == 8 * GIB


def test_swap_counts(root):
    assert memory.available(root(**{"proc/meminfo": f"{MEMINFO}SwapFree:        2097152 kB\n"})) == 10 * GIB


def test_resident(root):
    assert memory.resident(root(**{"proc/self/status": STATUS})) == 50 << 20


@pytest.mark.parametrize(
    ("membership", "place", "names"),
    [
        ("0::/\n", "", V2),
        ("0::/user.slice/session.scope\n", "user.slice/session.scope/", V2),
        # Without a namespace of its own a container reads the host's path, which its mount does not have.
        ("0::/docker/0123\n", "", V2),
        ("5:devices:/\n4:memory:/\n0::/\n", "memory/", V1),
        ("9:cpu,memory:/jobs/7\n", "memory/jobs/7/", V1),
        ("4:memory:/docker/0123\n", "memory/", V1),
    ],
)
def test_group(root, membership, place, names):
    # Of 3 GiB 2 are used, half of that by files that somebody has read.
    stat = f"anon {GIB}\ninactive_file {GIB}\ntotal_inactive_file {GIB}\n"
    files = group(place, names, f"{3 * GIB}\n", f"{2 * GIB}\n", stat)
    assert memory.available(root(**{"proc/meminfo": MEMINFO, "proc/self/cgroup": membership}, **files)) == 2 * GIB


@pytest.mark.parametrize(
    ("membership", "place", "names", "endless"),
    [("0::/\n", "", V2, "max\n"), ("4:memory:/\n", "memory/", V1, V1_ENDLESS)],
)
def test_group_without_a_limit(root, membership, place, names, endless):
    files = group(place, names, endless, f"{2 * GIB}\n", "")
    assert memory.available(root(**{"proc/meminfo": MEMINFO, "proc/self/cgroup": membership}, **files)) == 8 * GIB


def test_outer_group_may_be_the_narrower(root):
    inner = group("jobs/7/", V2, f"{6 * GIB}\n", "0\n", "inactive_file 0\n")
    outer = group("jobs/", V2, f"{5 * GIB}\n", f"{GIB}\n", "inactive_file 0\n")
    files = {"proc/meminfo": MEMINFO, "proc/self/cgroup": "0::/jobs/7\n", **inner, **outer}
    assert memory.available(root(**files)) == 4 * GIB


def test_more_used_than_allowed_leaves_nothing(root):
    files = group("", V2, f"{GIB}\n", f"{2 * GIB}\n", "")
    assert memory.available(root(**{"proc/self/cgroup": "0::/\n"}, **files)) == 0


@pytest.mark.parametrize(("limit", "left"), [("RLIMIT_AS", 700), ("RLIMIT_DATA", 900)])
def test_own_limits(root, monkeypatch, limit, left):
    # 1000 MiB, of which STATUS has used 300 of addresses and 100 of data.
    limits = {getattr(resource, limit): (1000 << 20, resource.RLIM_INFINITY)}
    monkeypatch.setattr(resource, "getrlimit", lambda which: limits.get(which, (resource.RLIM_INFINITY,) * 2))
    assert memory.available(root(**{"proc/meminfo": MEMINFO, "proc/self/status": STATUS})) == left << 20


def test_without_limits_of_processes(root, monkeypatch):
    """Windows has no module `resource`."""
    monkeypatch.setitem(sys.modules, "resource", None)
    assert memory.available(root(**{"proc/meminfo": MEMINFO, "proc/self/status": STATUS})) == 8 * GIB


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how much there is")
def test_under_a_real_limit():
    code = "from poseda_cli.storage.memory import available; print(available())"
    command = f"ulimit -v {GIB >> 10} && exec '{sys.executable}' -c '{code}'"
    found = int(subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout)
    # Python without NumPy has some megabytes of addresses, and the code takes none.
    assert GIB - (256 << 20) < found < GIB
