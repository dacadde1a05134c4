"""Waits for two variables. After Ctrl-C it prints the value of a third one, and reads a line."""

import sys

from nws.client import NetWorkSpace

port, name = sys.argv[1:]
ws = NetWorkSpace(name, "127.0.0.1", int(port), useUse=True)
try:
    ws.fetchAny(["x", "y"])
except KeyboardInterrupt:
    print(ws.fetchTry("z"), flush=True)
    input()
