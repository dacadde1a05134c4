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


CHILDREN = """

import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, resource_tracker
from multiprocessing.shared_memory import SharedMemory
from nws.sleigh import Sleigh

CHILD = '''
from multiprocessing import get_context
from multiprocessing.shared_memory import SharedMemory
process = get_context({method!r}).Process(target=SharedMemory, args=({name!r},))
process.start()
process.join()
assert process.exitcode == 0
'''

def attach_in_child(method, name):
    exec(CHILD.format(method=method, name=name), {})

def attach_in_grandchild(method, name):
    code = CHILD.format(method=method, name=name)
    process = get_context(method).Process(target=exec, args=(code, {}))
    process.start()
    process.join()
    assert process.exitcode == 0

def attach_in_pool(method, name):
    with ProcessPoolExecutor(1, mp_context=get_context(method)) as pool:
        pool.submit(SharedMemory, name).result().close()

def attach(way, method, name):
    way(method, name)
    # What the tracker does when the worker and its children have ended, it does now.
    resource_tracker._resource_tracker._stop()
    return "attached"

if __name__ == "__main__":
    mine = SharedMemory(create=True, size=1)
    ways = [attach_in_child, attach_in_grandchild, attach_in_pool]
    with Sleigh(workerCount=1) as sleigh:
        print(*sleigh.eachElem(attach, ways, [sys.argv[1], mine.name]))
    again = SharedMemory(mine.name)
    again.close()
    mine.close()
    mine.unlink()
"""


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_it_outlives_the_children_of_tasks(script: Script, method: str) -> None:
    assert script(CHILDREN, method).stdout == "attached attached attached\n"
