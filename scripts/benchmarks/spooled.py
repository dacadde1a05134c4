"""Many values that the server keeps in files, beside the same number of plain files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

from nws.client import NetWorkSpace
from scripts.benchmarks.peers import SPACE
from scripts.benchmarks.processes import HOST, our_server
from scripts.benchmarks.rounds import Call, Comparison, interleave, repeated

ABOUT: Final = "one client, 1,000 values of 30 kB in files, and as many plain files: a lower bound"

_COUNT: Final = 1000
_VALUE: Final = bytes(30_000)


class _PlainFiles:
    """Files in a folder, first in, first out."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._first = self._end = 0

    def write(self) -> None:
        """Make the next file."""
        fd = os.open(self._folder / f"{self._end}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(fd, _VALUE)
        os.close(fd)
        self._end += 1

    def take(self) -> None:
        """Read the first file and remove it."""
        (self._folder / f"{self._first}").read_bytes()
        self.remove()

    def remove(self) -> None:
        """Remove the first file."""
        (self._folder / f"{self._first}").unlink()
        self._first += 1


def run(rounds: int) -> Iterator[Comparison]:
    """Store all and fetch all, then store all and delete the variable."""
    with ExitStack() as stack:
        start = stack.enter_context
        folder = Path(start(tempfile.TemporaryDirectory(prefix="nws-bench-")))
        options = ("--long-value-size", "10000", "--tmp-dir", str(folder))
        space = start(NetWorkSpace(SPACE, HOST, start(our_server(*options)), useUse=True))
        files = _PlainFiles(Path(start(tempfile.TemporaryDirectory(prefix="nws-bench-"))))
        store: Call = partial(space.store, "x", _VALUE)
        pieces = {
            ("store", "ours"): repeated(store, _COUNT),
            ("store", "plain"): repeated(files.write, _COUNT),
            ("fetch", "ours"): repeated(partial(space.fetch, "x"), _COUNT),
            ("fetch", "plain"): repeated(files.take, _COUNT),
            ("store again", "ours"): repeated(store, _COUNT),
            ("store again", "plain"): repeated(files.write, _COUNT),
            ("delete", "ours"): repeated(partial(space.deleteVar, "x"), 1, _COUNT),
            ("delete", "plain"): repeated(files.remove, _COUNT),
        }
        samples = interleave(pieces, rounds)
    for work, other in (("store", "write"), ("fetch", "read, unlink"), ("delete", "unlink")):
        yield Comparison(work, other, samples[work, "ours"], samples[work, "plain"])
