"""The program of a contender (see `contenders`) that uses whichever version of ours is installed.

It is run by its path and imports nothing of this folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from itertools import repeat
from time import perf_counter
from typing import Any, Final

_SMALL: Final = b"ten bytes!"
_LARGE_BYTES: Final = 1_000_000
_WORKERS: Final = 2
_BOUNCE: Final = """
import sys
from nws.client import NetWorkSpace
space = NetWorkSpace("benchmark", serverPort=int(sys.argv[1]), useUse=True)
while True:
    space.store("pong", space.fetch("ping"))
"""
_FIRST_RESULT: Final = f"""
from nws.sleigh import Sleigh
with Sleigh(workerCount={_WORKERS}) as sleigh:
    sleigh.eachElem(abs, [1])
"""

_Piece = Callable[[int], object]
"""Does that many operations."""


def main() -> None:
    """Do the pieces of the group of work that the argument names."""
    os.chdir(tempfile.gettempdir())  # so that the processes that it starts import no checkout
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with _GROUPS[sys.argv[1]]() as pieces:
        print("{}", file=replies, flush=True)
        for line in sys.stdin:
            name, count = json.loads(line)
            print(json.dumps(_answer(pieces, name, count)), file=replies, flush=True)


def _answer(pieces: dict[str, _Piece], name: str, count: int) -> dict[str, Any]:
    if name not in pieces:
        return {"error": "this version cannot do it"}
    start = perf_counter()
    pieces[name](count)
    return {"measured": (perf_counter() - start) / count}


def _times(call: Callable[[], object]) -> _Piece:
    def piece(count: int) -> None:
        for _ in range(count):
            call()

    return piece


@contextmanager
def _spaces() -> Iterator[dict[str, _Piece]]:
    """A server of this version, and a client."""
    from nws.client import NetWorkSpace

    with _server() as (port, web_port):
        space = NetWorkSpace("benchmark", serverPort=port)
        bounce = subprocess.Popen([sys.executable, "-c", _BOUNCE, str(port)])
        space.declare("large", "single")
        space.store("small", _SMALL)
        space.store_many("full", repeat("a value", 300_000))
        names = (f"variable {number}" for number in range(50_000))
        space.settle([], [("leased", _SMALL)] * 1000)
        for _ in range(25):
            space.settle([], [(next(names), "a value") for _ in range(2000)])
        large = {megabytes: os.urandom(megabytes * 1_000_000) for megabytes in (10, 100)}

        def store_and_find(megabytes: int) -> None:
            space.store("large", large[megabytes])
            space.find("large")

        def many() -> None:
            space.store_many("many", [_SMALL] * 100)
            space.fetch_many("many", 100)

        def connect() -> None:
            with NetWorkSpace("benchmark", serverPort=port, useUse=True) as another:
                another.findTry("none")

        def there_and_back() -> None:
            space.store("ping", _SMALL)
            space.fetch("pong")

        def fetch_and_store() -> None:
            space.store("full", space.fetch("full"))

        try:
            yield {
                "store": _times(lambda: space.store("stored", _SMALL)),
                "fetch": _times(lambda: space.fetch("stored")),
                "find": _times(lambda: space.find("small")),
                "findTry": _times(lambda: space.findTry("none")),
                "lease, settle": _times(lambda: space.lease("leased").settle([("leased", _SMALL)])),
                "batch": _times(many),
                "connect": _times(connect),
                "there and back": _times(there_and_back),
                "10 MB": _times(lambda: store_and_find(10)),
                "100 MB": _times(lambda: store_and_find(100)),
                "full": _times(fetch_and_store),
                "page": _times(lambda: _get(web_port, "/workspace?name=benchmark")),
                "value page": _times(lambda: _get(web_port, "/variable?ws=benchmark&name=full")),
            }
        finally:
            bounce.kill()
            bounce.wait()


@contextmanager
def _server() -> Iterator[tuple[int, int]]:
    command = [sys.executable, "-m", "nws_server", "--announce", "--until-eof"]
    command += ["--listen", "tcp:0:interface=127.0.0.1", "--web", "tcp:0:interface=127.0.0.1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        addresses = json.loads(process.stdout.readline())
        port, web_port = (int(each.strip("/").rpartition(":")[2]) for each in addresses)
        try:
            yield port, web_port
        finally:
            process.terminate()


def _get(port: int, address: str) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", address)
    connection.getresponse().read()
    connection.close()


@contextmanager
def _sleighs() -> Iterator[dict[str, _Piece]]:
    """A sleigh with workers that have done something."""
    from nws.sleigh import Sleigh

    values = [os.urandom(_LARGE_BYTES) for _ in range(50)]
    with Sleigh(workerCount=_WORKERS) as sleigh:
        sleigh.eachElem(abs, range(1000))
        pieces: dict[str, _Piece] = {
            "one": _times(lambda: sleigh.eachElem(abs, [[1]])),
            "many": lambda count: sleigh.eachElem(abs, range(count)),
            "single": lambda count: sleigh.eachElem(abs, range(count), chunkSize=1),
            "sparing": lambda count: sleigh.eachElem(abs, range(count), loadFactor=3),
            "bytes": lambda count: sleigh.eachElem(bytes, [values[:count]]),
            "eachWorker": _times(lambda: sleigh.eachWorker(abs, 1)),
            "imap": lambda count: list(sleigh.imap(abs, range(count))),
        }
        with suppress(ImportError):
            import numpy

            arrays = [numpy.frombuffer(value) for value in values]
            pieces["arrays"] = lambda count: sleigh.eachElem(abs, [arrays[:count]])
        submit = getattr(sleigh, "submit", None)
        if submit is not None:
            pieces["submit"] = lambda count: [
                future.result() for future in [submit(abs, number) for number in range(count)]
            ]
        yield pieces


@contextmanager
def _processes() -> Iterator[dict[str, _Piece]]:
    """New processes."""

    def run(program: str) -> None:
        subprocess.run([sys.executable, "-c", program], check=True)

    yield {
        "import": _times(lambda: run("import nws.client")),
        "first result": _times(lambda: run(_FIRST_RESULT)),
    }


_GROUPS: Final = {"spaces": _spaces, "sleighs": _sleighs, "processes": _processes}

if __name__ == "__main__":
    main()
