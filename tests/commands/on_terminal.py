"""Commands on a terminal of a stated width, which is no window of anyone."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]


def on_terminal(
    *arguments: object, columns: int = 80, streams: str = "12", cwd: Path = REPO, **environment: str
) -> str:
    """What Python with these arguments writes on a terminal; an empty variable of the environment is not set.

    Parameters
    ----------
    streams : those that are the terminal, 1 for stdout and 2 for stderr; others are thrown away
    """
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    variables = {**os.environ, "TERM": "xterm-256color", "PYTHONUTF8": "1", **environment}
    for name in ("COLUMNS", "LINES", "NO_COLOR", "COLORTERM", "FORCE_COLOR"):
        variables[name] = environment.get(name, "")
    process = subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env={name: value for name, value in variables.items() if value},
        stdin=subprocess.DEVNULL,
        stdout=slave if "1" in streams else subprocess.DEVNULL,
        stderr=slave if "2" in streams else subprocess.DEVNULL,
    )
    os.close(slave)
    written = b""
    try:
        while piece := os.read(master, 65536):
            written += piece
    except OSError:  # how Linux says that the terminal was closed
        pass
    finally:
        os.close(master)
    assert process.wait() == 0, written.decode()
    return written.decode().replace("\r\n", "\n")
