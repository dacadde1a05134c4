"""Does what it is told, line by line, and says how it went; Ctrl-C does not end it.

Usage: blocked.py PORT WORKSPACE. On stdin: ``fetch x`` and the like. On stdout: the value as JSON,
or ``interrupted``.
"""

from __future__ import annotations

import json
import signal
import sys
from types import FrameType
from typing import Any

from nws.client import NetWorkSpace
from tests.support.strikes import inside


def interrupt(_: int, frame: FrameType | None) -> None:
    """Do as Python does, but only inside the client: elsewhere it would be lost, or end this."""
    if inside(frame):
        raise KeyboardInterrupt


def main(port: str, name: str) -> None:
    """Do as one is told."""
    ws = NetWorkSpace(name, "127.0.0.1", int(port))
    acts: dict[str, Any] = {
        "fetch": ws.fetch,
        "find": ws.find,
        "fetch_many": lambda variable: ws.fetch_many(variable, 10),
        "lease": lambda variable: ws.lease(variable).value,
        "ifetch": lambda variable: next(ws.ifetch(variable)),
        "owner": lambda _: f">{name}\t" in ws.server.listWss(),
    }
    signal.signal(signal.SIGINT, interrupt)
    for line in sys.stdin:
        act, variable = line.split()
        got: list[Any] = []
        try:
            got.extend(map(acts[act], [variable]))
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        else:
            print(json.dumps(got[0]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
