"""Shared memory of the master, used in tasks: it lives as long as the master wants."""

from __future__ import annotations

import pytest

from tests.sleigh.conftest import Script

pytestmark = pytest.mark.usefixtures("programs_on_server")

PROGRAM = """

from multiprocessing import resource_tracker
from multiprocessing.shared_memory import ShareableList, SharedMemory
from nws.sleigh import Sleigh

def double(element, name):
    {imports}
    memory = SharedMemory(name)
    memory.buf[element] *= 2
    memory.close()
    return resource_tracker._resource_tracker._fd  # None: no tracker was started

def make(_):
    {imports}
    memory = SharedMemory(create=True, size=8)
    memory.buf[0] = 9
    memory.close()
    return memory.name

def make_and_unlink(_):
    {imports}
    memory = SharedMemory(create=True, size=8)
    memory.close()
    memory.unlink()

def die(name):
    {imports}
    memory = SharedMemory(name)
    import os
    os._exit(1)

if __name__ == "__main__":
    mine = SharedMemory(create=True, size=4)
    mine.buf[:4] = bytes([1, 2, 3, 4])
    numbers = ShareableList([1, 2])
    with Sleigh(workerCount=2) as sleigh:
        print(sleigh.eachElem(double, range(4), mine.name))
        print(sleigh.eachElem(lambda n, memory: memory.buf[n], [3], mine))
        print(sleigh.eachElem(lambda n: numbers[n], [0, 1]))
        print(sleigh.eachElem(make_and_unlink, [0]))
        sleigh.eachElem(die, [mine.name])
        (made,) = sleigh.eachElem(make, [0])
    again = SharedMemory(mine.name)
    print(bytes(mine.buf[:4]), bytes(again.buf[:4]), list(numbers))
    again.close()
    theirs = SharedMemory(made)
    print(theirs.buf[0])
    for memory in (mine, theirs, numbers.shm):
        memory.close()
        memory.unlink()
"""


@pytest.mark.nightly(but_each=2)
@pytest.mark.parametrize(
    "imports", ["pass", "from multiprocessing.shared_memory import SharedMemory"]
)
def test_shared_memory_outlives_the_sleigh(script: Script, imports: str) -> None:
    text = PROGRAM.replace("{imports}", imports)
    assert script(text).stdout.splitlines() == [
        "[None, None, None, None]",
        "[8]",
        "[1, 2]",
        "[None]",
        "b'\\x02\\x04\\x06\\x08' b'\\x02\\x04\\x06\\x08' [1, 2]",
        "9",
    ]
