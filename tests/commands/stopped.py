"""`poseda` as `python` runs this, with a signal at an exact place of the program.

    stopped.py PLACES NUMBER STAMP ARGUMENTS...

PLACES are functions by module and qualified name, separated by commas: `posix.fsync`, `poseda_cli.pipeline.prepare`, or
`numpy.<module>` for its import. When the first is entered, on whatever thread, the signal NUMBER is sent, when the next
one is, again, and so on. STAMP is a file that then has the time of the first.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

places, number, stamp = sys.argv[1].split(","), int(sys.argv[2]), Path(sys.argv[3])
sys.argv[:] = ["poseda", *sys.argv[4:]]


def watch(frame, event, argument):
    if event == "call":
        entered = f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}"
    elif event == "c_call":
        entered = f"{argument.__module__}.{argument.__qualname__}"
    else:
        return
    if places and entered == places[0]:
        del places[0]
        if not stamp.exists():
            stamp.write_text(str(time.monotonic()))
        os.kill(os.getpid(), number)


from poseda_cli.__main__ import main  # noqa: E402

threading.setprofile(watch)
sys.setprofile(watch)
main()
