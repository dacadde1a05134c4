"""Count the words of many files in parallel, one task a file, and keep the totals in a workspace.

Teaches: eachElem calls a function for each element on the workers of a sleigh; a failed element is
a SleighTaskException in its place. Without --host the sleigh brings a server of its own.
    python examples/wordcount.py [--host HOST --port PORT] [--workers N] [FOLDER]
"""

import argparse
import re
import sysconfig
import time
from collections import Counter
from pathlib import Path

from nws.client import NetWorkSpace
from nws.sleigh import Sleigh, SleighTaskException


def count_words(path: Path) -> Counter[str]:
    return Counter(re.findall(r"[a-z]+", path.read_text(errors="replace").lower()))


def main() -> None:
    parser = argparse.ArgumentParser(description="Count the words of Python files in parallel.")
    parser.add_argument("folder", nargs="?", default=sysconfig.get_path("stdlib"), type=Path)
    parser.add_argument("--host", help="host of a running server, which then keeps the totals")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    files = sorted(options.folder.rglob("*.py"))
    files = [file for file in files if "site-packages" not in file.parts]

    started = time.perf_counter()
    with Sleigh(workerCount=options.workers, nwsHost=options.host, nwsPort=options.port) as sleigh:
        counts = sleigh.eachElem(count_words, files)
    seconds = time.perf_counter() - started

    totals: Counter[str] = Counter()
    for file, count in zip(files, counts, strict=True):
        if isinstance(count, SleighTaskException):
            print(f"{file}: {count}")
        else:
            totals.update(count)
    for word, number in totals.most_common(20):
        print(f"{number:9,}  {word}")
    print(f"{len(files):,} files, {totals.total():,} words, {seconds:.1f} seconds")
    if options.host:
        with NetWorkSpace("word count", options.host, options.port, persistent=True) as ws:
            ws.declare("totals", "single")
            ws.store("totals", totals)
        print(f"The totals are in the workspace 'word count' at {options.host}:{options.port}")


if __name__ == "__main__":
    main()
