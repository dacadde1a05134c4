"""The data sharing tutorial of the user guide, chapter 3.1, as a program.

Teaches: store, find, fetch, their Try forms, several values in a variable, and two processes.
Run it with a server (`nws server start`):  python examples/tutorial.py [host [port]]
"""

import multiprocessing
import sys

from nws.client import NetWorkSpace


def second_session(host: str, port: int) -> None:
    """Wait for frank, as the second Python session of the tutorial does."""
    with NetWorkSpace("bayport", host, port) as ws:
        x = ws.fetch("frank")
        ws.store("answer", f"frank is {x}")


def main(host: str = "localhost", port: str = "8765") -> None:
    ws = NetWorkSpace("bayport", host, int(port))
    ws.store("joe", 17)
    age = ws.find("joe")
    print("joe is", age)

    print("chet is", ws.findTry("chet"))
    print("chet is", ws.findTry("chet", 0), "if we say so")

    for i in [16, 19, 25, 22]:
        ws.store("biff", i)
    print("biff was", [ws.fetch("biff") for _ in range(4)])

    for i in [16, 19, 25, 22]:
        ws.store("biff", i)
    n = []
    while t := ws.fetchTry("biff"):
        n.append(t)
    print("biff was", n)

    context = multiprocessing.get_context("spawn")
    process = context.Process(target=second_session, args=(host, int(port)))
    process.start()
    ws.store("frank", 18)
    print("the other session says:", ws.fetch("answer"))
    process.join()
    print(ws.listVars())
    ws.server.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
