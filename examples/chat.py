"""A chat: what anybody says, everybody sees, also what was said before they came.

Teaches: an ifind iterator shows each value once to each reader and removes none.
Run it with a server (`nws server start`), in several terminals:
    python examples/chat.py NAME [host [port]]
"""

import sys
import threading

from nws.client import NetWorkSpace, NwsException


def show(ws: NetWorkSpace) -> None:
    try:
        for who, text in ws.ifind("said"):
            print(f"{who}: {text}", flush=True)
    except NwsException:
        pass  # we are leaving, or the server is


def main(name: str, host: str = "localhost", port: str = "8765") -> None:
    with NetWorkSpace("chat", host, int(port), persistent=True) as ws:
        threading.Thread(target=show, args=(ws,), daemon=True).start()
        ws.store("said", (name, "(comes in)"))
        for line in sys.stdin:
            ws.store("said", (name, line.rstrip()))
        ws.store("said", (name, "(leaves)"))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
