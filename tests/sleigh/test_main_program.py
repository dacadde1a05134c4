"""What belongs to the main program, in tasks: they find it there as the main program does."""

from __future__ import annotations

import pytest

from tests.sleigh.conftest import Script

pytestmark = pytest.mark.usefixtures("programs_on_server")

PROGRAM = """
import functools
import multiprocessing
import pickle
import threading

from nws.sleigh import Sleigh, SleighTaskException


class Thing:
    def __init__(self, number):
        self.number = number

    @functools.cached_property
    def double(self):
        return 2 * self.number


def increased(number):
    return number + 1


@functools.lru_cache(maxsize=7)
def fibonacci(number):
    return number if number < 2 else fibonacci(number - 1) + fibonacci(number - 2)


@functools.singledispatch
def depth(thing):
    return 0


@depth.register(list)
def _(things):
    return 1 + max(map(depth, things))


def pickled(number):
    return pickle.loads(pickle.dumps(Thing(number))).double


def pickled_argument(thing):
    return pickle.loads(pickle.dumps(thing)).number


def pickled_function(number):
    return pickle.loads(pickle.dumps(increased))(number)


def itself(number):
    return pickle.loads(pickle.dumps(itself)) is itself


def by_processes(number):
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.map(increased, [number])


def stored(number):
    SleighUserNws.store("thing", Thing(number))
    return SleighUserNws.find("thing").number


def cached(number):
    return fibonacci(number), fibonacci.cache_info().maxsize


def managed(number, shared):
    shared.put(number)


class Guarded:
    lock = threading.RLock()


def uses_guarded(number):
    return Guarded().lock


if __name__ == "__main__":
    with multiprocessing.Manager() as manager, Sleigh(workerCount=1) as sleigh:
        for function in (pickled, pickled_function, itself, by_processes, stored, cached):
            print(function.__name__, *sleigh.eachElem(function, [7]))
        print("at the master", sleigh.userNws.fetch("thing").double)
        print("arguments", *sleigh.eachElem(pickled_argument, [Thing(3)]))
        print("decorated", *sleigh.eachElem(fibonacci, [9]), *sleigh.eachElem(depth, [[[[2]]]]))
        queue = manager.Queue()
        sleigh.eachElem(managed, [5, 5], queue)
        print("queue", queue.get(timeout=60), queue.get(timeout=60))
        for function in (uses_guarded, lambda number: uses_guarded(number)):
            try:
                sleigh.eachElem(function, [1])
            except Exception as error:
                print("lock:", str(error).rpartition("(")[2])
        text = "import pickle; pickle.loads(b'c__main__\\\\nNone_such\\\\n.')"
        print("nowhere", *sleigh.eachElem(text, [1]))
"""

EXPECTED = """\
pickled 14
pickled_function 8
itself True
by_processes [8]
stored 7
cached (13, 7)
at the master 14
arguments 3
decorated 34 2
queue 5 5
lock: the attribute 'lock' of Guarded holds a RLock)
lock: the attribute 'lock' of Guarded holds a RLock)
nowhere element 0 failed
it cannot do what it needs (of the main program, workers have what the function of the call uses: \
put functions and classes that are found by their names only into a module)
"""


def test_functions_and_classes_of_the_main_program(script: Script) -> None:
    expected = EXPECTED.splitlines()
    lines = script(PROGRAM).stdout.splitlines()
    assert lines[: len(expected)] == expected
    assert "Can't get attribute 'None_such'" in lines[-2]


SPAWNED = """
import functools
import multiprocessing
import pickle
import sys
from nws.sleigh import Sleigh

class Thing:
    def __init__(self, number):
        self.number = number

def double(number):
    return Thing(2 * number)

@functools.cache
def again(thing):
    return type(pickle.loads(pickle.dumps(thing))) is type(thing)

def child():
    with Sleigh(workerCount=1) as sleigh:
        things = sleigh.map(double, [1, 2])
        print([each.number for each in things], {type(each) is Thing for each in things},
              sleigh.map(again, things), sleigh.submit(lambda: double(3)).result().number)

if __name__ == "__main__":
    process = multiprocessing.get_context(sys.argv[1]).Process(target=child)
    process.start()
    process.join()
"""


@pytest.mark.parametrize("method", ["spawn", pytest.param("forkserver", marks=pytest.mark.nightly)])
def test_a_process_that_multiprocessing_has_not_forked(script: Script, method: str) -> None:
    """The main program has another name there."""
    assert script(SPAWNED, method).stdout == "[2, 4] {True} [True, True] 6\n"


ENUMS = """
from enum import Enum, IntEnum
from nws.sleigh import Sleigh

class Planet(Enum):
    EARTH = 5.976e24, 6378
    MARS = 6.421e23, 3397

    def __init__(self, mass, radius):
        self.mass, self._radius = mass, radius

    @property
    def density(self):
        return round(self.mass / self._radius**3)

class Status(IntEnum):
    OK = 200, "fine"
    ALSO_OK = OK
    LOST = 404, "not there"

    def __new__(cls, number, phrase):
        status = int.__new__(cls, number)
        status._value_, status.phrase = number, phrase
        return status

class Plain(Enum):
    A = 1
    B = 2

def shown(member):
    plain = Plain.A if member is Planet.EARTH else Plain(2)
    words = Status(404).phrase, Status.ALSO_OK.phrase
    return member, Planet.MARS.density, words, Status.LOST + 1, plain

if __name__ == "__main__":
    with Sleigh(workerCount=1) as sleigh:
        for member in *Planet, *Status:
            assert sleigh.map(shown, [member]) == [shown(member)], shown(member)
            assert sleigh.map(shown, [member])[0][0] is member
        print(Planet.EARTH.density, Status.OK.phrase)
"""


def test_enumerations_whose_members_have_attributes(script: Script) -> None:
    assert script(ENUMS).stdout == "23033346668337 fine\n"
