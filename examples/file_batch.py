"""A batch of files: workers compress texts that only the master can read and write.

Teaches: storeFile, findFile and fetchFile move files in pieces, however large; imap reads on as
results are taken, so only some of the files are on the server at a time.
    python examples/file_batch.py [FOLDER [WORKERS]]
FOLDER has *.txt files, and gets a folder "packed"; without it, some texts are made for a moment.
"""

import gzip
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from nws.client import NetWorkSpace
from nws.sleigh import Sleigh, SleighTaskException

SleighUserNws: NetWorkSpace  # a global name in workers


def sent(files: list[Path], ws: NetWorkSpace) -> Iterator[str]:
    for file in files:
        with file.open("rb") as text:
            if not ws.storeFile(file.name, text):
                ws.store(file.name, b"")  # storeFile stores nothing of an empty file
        yield file.name


def compress(name: str) -> str:
    with tempfile.TemporaryFile() as text, tempfile.TemporaryFile() as packed:
        before = SleighUserNws.findFile(name, text)  # it stays, for another worker if this one dies
        text.seek(0)
        with gzip.open(packed, "wb") as pack:
            shutil.copyfileobj(text, pack)
        packed.seek(0)
        after = SleighUserNws.storeFile(f"{name}.gz", packed)
    return f"{name}: {before:,} bytes are now {after:,}"


def main(given: str = "", workers: str = "2") -> None:
    with tempfile.TemporaryDirectory() as made, Sleigh(workerCount=int(workers)) as sleigh:
        folder, ws = Path(given or made), sleigh.userNws
        if not given:
            for number in range(1, 6):
                (folder / f"verse {number}.txt").write_text("and so on\n" * 10**number)
        (folder / "packed").mkdir(exist_ok=True)
        files = sorted(folder.glob("*.txt"))
        for file, said in zip(files, sleigh.imap(compress, sent(files, ws)), strict=True):
            print(said)
            if not isinstance(said, SleighTaskException):
                with (folder / "packed" / f"{file.name}.gz").open("wb") as packed:
                    ws.fetchFile(f"{file.name}.gz", packed)
            ws.deleteVar(file.name)


if __name__ == "__main__":
    main(*sys.argv[1:])
