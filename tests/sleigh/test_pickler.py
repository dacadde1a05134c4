"""What is asked of objects that are sent, and what becomes of classes and byte code elsewhere."""

from __future__ import annotations

import pickle
import sys
import threading
import weakref
from abc import ABC
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from types import ModuleType
from typing import Any, ClassVar

import pytest

from nws.sleigh import SleighIllegalValueException
from nws.sleigh.shared import pickler
from nws.sleigh.shared.pickling import pack, unpack
from tests.sleigh import functions
from tests.sleigh.conftest import Script

pytestmark = pytest.mark.usefixtures("programs_on_server")


def of_main(text: str, name: str) -> Any:
    """Return what the main program would define."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(text, namespace)
    return namespace[name]


# Once


class Ticket:
    """It can be used once: whoever asks for its state gets it."""

    def __init__(self) -> None:
        self.asked = 0

    def __getstate__(self) -> Any:
        self.asked += 1
        return {"asked": self.asked}


class Reduced(Ticket):
    def __reduce__(self) -> Any:
        self.asked += 1
        return list, ([self.asked],)


TICKET_OF_MAIN = """
class Ticket:
    asked = 0
    def __getstate__(self):
        self.asked += 1
        return {"asked": self.asked}
"""

TICKETS: dict[str, Callable[[], Any]] = {
    "of a module": Ticket,
    "of a module, reduced": Reduced,
    "of the main program": of_main(TICKET_OF_MAIN, "Ticket"),
    "of a function": type("Local", (Ticket,), {}),
}

COMPANY: dict[str, Callable[[Any], Any]] = {
    "alone": lambda ticket: ticket,
    "in a tuple": lambda ticket: (ticket,),
    "before a lambda": lambda ticket: [ticket, lambda: 1],
    "before text of the main program": lambda ticket: [ticket, "__main__"],
    "in a dict": lambda ticket: {"ticket": ticket, "class": Enum("Colour", "RED")},
    "in a closure": lambda ticket: lambda: ticket,
    "twice": lambda ticket: [ticket, ticket],
    "before a module": lambda ticket: [ticket, ModuleType("made")],
    "as a method": lambda ticket: ticket.__getstate__,
}


@pytest.mark.parametrize("company", COMPANY)
@pytest.mark.parametrize("kind", TICKETS)
def test_an_object_is_asked_for_its_state_once(kind: str, company: str) -> None:
    ticket = TICKETS[kind]()
    pack(COMPANY[company](ticket))
    assert ticket.asked == 1


def test_also_if_something_behind_it_cannot_be_pickled() -> None:
    ticket = Ticket()
    with pytest.raises(TypeError, match="cannot pickle"):
        pack([ticket, threading.Lock()])
    assert ticket.asked == 1


IN_CALLS = """
from nws.sleigh import Sleigh

class Ticket:
    def __init__(self):
        self.rest = ["the only one"]

    def __getstate__(self):
        return {"rest": [self.rest.pop()]}

def look(ticket, *_):
    return ticket.rest

def make(_):
    return Ticket()

class Broken(Exception):
    def __init__(self):
        self.rest = ["the only one"]

    def __reduce__(self):
        return Broken, (), {"rest": [self.rest.pop()]}

def break_down(_):
    raise Broken

if __name__ == "__main__":
    with Sleigh(workerCount=2) as sleigh:
        print(sleigh.eachElem(look, [[Ticket(), Ticket()]]))
        print(sleigh.eachElem(lambda n, ticket: ticket.rest, [1, 2], [Ticket()]))
        ticket = Ticket()
        print(sleigh.eachElem(lambda n: ticket.rest, [1, 2]))
        print(sleigh.eachWorker(look, Ticket()))
        print(sleigh.submit(look, Ticket()).result(), sleigh.submit(look, ticket=Ticket()).result())
        print(list(sleigh.imap(look, [Ticket()])), list(sleigh.starmap(look, [(Ticket(), 1)])))
        print([made.rest for made in sleigh.eachElem(make, [1, 2])])
        print(sleigh.eachElem(break_down, [1])[0].__cause__.rest)
        print(sleigh.eachElem(look, [[Ticket()]], retries=1, chunkSize=1, loadFactor=1))
"""


def test_in_calls(script: Script) -> None:
    one = "['the only one']"
    assert script(IN_CALLS).stdout.splitlines() == [
        f"[{one}, {one}]",
        f"[{one}, {one}]",
        f"[{one}, {one}]",
        f"[{one}, {one}]",
        f"{one} {one}",
        f"[{one}] [{one}]",
        f"[{one}, {one}]",
        one,
        f"[{one}]",
    ]


# What travels by name


class Decorated:
    """Its methods are found in different ways."""

    @classmethod
    def of_the_class(cls) -> str:
        return cls.__name__

    @staticmethod
    def of_none() -> int:
        return 1

    def of_the_object(self) -> int:
        return 2

    class Inner:
        @classmethod
        def of_the_class(cls) -> int:
            return 3


@pytest.mark.parametrize(
    "thing",
    [
        functions.echo,
        functions.Scale,
        functions.Scale.double,
        functions.Scale.negate,
        functions.Scale(2).apply,
        functions.decorated_rank,
        dict.fromkeys,
        [].append,
        "".join,
        sys,
        Enum,
    ],
    ids=lambda thing: thing.__name__,
)
def test_what_can_be_imported_travels_by_name(thing: Any) -> None:
    data = pack((thing,))
    assert isinstance(data, bytes)
    assert len(data) < 200
    assert b"CodeType" not in data
    assert b"_code" not in data
    unpack(data)


def test_methods() -> None:
    made = of_main("class Made:\n  @classmethod\n  def name(cls): return cls.__name__", "Made")
    methods = [
        Decorated.of_the_class,
        Decorated.of_none,
        Decorated().of_the_object,
        Decorated.Inner.of_the_class,
        made.name,
    ]
    assert [method() for method in unpack(pack(methods))] == ["Decorated", 1, 2, 3, "Made"]


# Classes that come home


def local_class() -> Any:
    class Counter:
        total = 1
        seen: ClassVar[list[int]] = []

    return Counter


def test_a_class_that_comes_home_is_left_alone() -> None:
    counter = local_class()
    data = pack(counter())
    counter.total, method = 2, lambda self: 5
    counter.extra, seen = method, counter.seen
    assert type(unpack(data)) is counter
    assert (counter.total, counter.extra, counter.seen) == (2, method, seen)
    assert counter.seen is seen


def test_no_class_is_made_for_it() -> None:
    """A base class may keep a list of all classes that are derived from it."""
    text = """
class Base:
    derived = []
    def __init_subclass__(cls):
        Base.derived.append(cls.__name__)
class Derived(Base):
    pass
"""
    derived = of_main(text, "Derived")
    unpack(pack(derived()))
    assert derived.derived == ["Derived"]
    assert derived.__base__.__subclasses__() == [derived]


def test_classes_of_other_kinds_come_home() -> None:
    colour = Enum("Colour", "RED BLUE")  # type: ignore[misc]
    local: Any = type("Local", (ABC,), {"__module__": "__main__"})
    plain: Any = type("Plain", (), {"__annotations__": {"x": int}, "__module__": "__main__"})
    kinds: list[Any] = [colour, local, dataclass(plain)]
    for kind in kinds:
        kind.mark = 1
        data = pack(kind)
        kind.mark = 2
        assert unpack(data) is kind
        assert kind.mark == 2
    assert unpack(pack(colour["RED"])) is colour["RED"]


def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget which classes are ours: as if this were another process."""
    monkeypatch.setattr(pickler, "_names", weakref.WeakKeyDictionary())
    monkeypatch.setattr(pickler, "_classes", weakref.WeakValueDictionary())
    monkeypatch.setattr(pickler, "_own", weakref.WeakSet())
    monkeypatch.setattr("cloudpickle.cloudpickle._DYNAMIC_CLASS_TRACKER_BY_ID", {})


def test_a_class_of_another_process_is_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the master has changed meanwhile reaches a worker that has the class."""
    text = "class Counter:\n    total = 1"
    counter = of_main(text, "Counter")
    first = pack(counter)
    counter.total = 2
    second = pack(counter)
    elsewhere(monkeypatch)
    there = unpack(first)
    assert there is not counter
    assert there.total == 1
    assert unpack(second) is there
    assert there.total == 2
    assert type(unpack(pack(there()))) is there


COMING_HOME = """
from enum import Enum
from nws.sleigh import Sleigh

class Point:
    made = 0
    tags = ["mine"]

    def __init__(self, x):
        self.x = x
        type(self).made += 1
        type(self).tags.append("theirs")

    def shown(self):
        return f"old {self.x}"

class Mistake(Exception):
    code = 1

def fail(_):
    Mistake.code = 7
    raise Mistake

if __name__ == "__main__":
    with Sleigh(workerCount=2) as sleigh:
        first = sleigh.imap(Point, range(1000), chunkSize=1)
        point = next(first)
        Point.made, Point.label = 100, "new"
        Point.shown = lambda self: f"new {self.x}"
        tags = Point.tags
        points = [point, *first]
        print({type(each) is Point for each in points}, Point.made, Point.label, Point.tags is tags)
        print(tags, points[7].shown())
        cause = sleigh.eachElem(fail, [0])[0].__cause__
        print(type(cause) is Mistake, Mistake.code)
        print(sleigh.eachElem(lambda _: Point.label, [1]))
"""


SLOTS = """
from collections import namedtuple
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar
from nws.sleigh import Sleigh

class Base:
    __slots__ = ("a",)

    def __init__(self):
        self.a = 1

class Text(Base):
    __slots__ = "b"

class Private(Base):
    __slots__ = ("_Private__c", "__d", "_e")

    def __init__(self):
        super().__init__()
        self.__d = 2

    def hidden(self):
        return self.__d

class Open(Base):
    __slots__ = {"f": "what it is", "__dict__": "", "__weakref__": ""}

class Empty(Base, Generic[TypeVar("T")]):
    __slots__ = ()

class Pair(namedtuple("Pair", "x y", defaults=(1, 2))):
    __slots__ = ()

class Named(NamedTuple):
    a: int = 1

class Refusing(type):
    def __new__(cls, name, bases, namespace):
        assert "__slots__" not in namespace
        return super().__new__(cls, name, bases, {**namespace, "__slots__": ("a",)})

class Own(metaclass=Refusing):
    def __init__(self):
        self.a = 1

class Late(Private):
    pass

@dataclass(slots=True)
class Data:
    a: int = 1

@dataclass(slots=True, frozen=True)
class Frozen:
    a: int = 1

def seen(thing):
    slots = sorted(name for each in type(thing).__mro__ for name in dir(each)
                   if type(vars(each).get(name)).__name__ == "member_descriptor")
    return slots, has(thing, "__dict__"), has(thing, "__weakref__")

def has(thing, name):
    try:
        return hasattr(thing, name)
    except TypeError:  # of a dataclass with slots, in Python 3.10
        return False

def same(thing):
    return thing, seen(thing)

def new(kind):
    return kind()

if __name__ == "__main__":
    with Sleigh(workerCount=1) as sleigh:
        for kind in Base, Text, Private, Open, Empty, Pair, Named, Own, Late, Data, Frozen:
            [made] = sleigh.map(new, [kind])
            [(thing, there)] = sleigh.map(same, [kind()])
            good = type(made) is type(thing) is kind and there == seen(thing)
            if not good or [getattr(each, "a", 1) for each in (made, thing)] != [1, 1]:
                print(kind, made, thing, there, seen(thing))
        print(thing == Frozen(), sleigh.map(Private.hidden, [Private()]))
"""


@pytest.mark.usefixtures("programs_on_server")
def test_objects_with_slots(script: Script) -> None:
    """Workers make the same classes, so that objects go there and back."""
    assert script(SLOTS).stdout == "True [2]\n"


def test_results_change_no_class_of_the_master(script: Script) -> None:
    assert script(COMING_HOME).stdout.splitlines() == [
        "{True} 100 new True",
        "['mine'] new 7",
        "True 1",
        "['new']",
    ]


# Byte code


@pytest.mark.parametrize(
    "there", [("CPython", "3.99", "far"), ("PyPy", pickler._ORIGIN[1], "far")], ids=" ".join
)
def test_byte_code_of_another_python_is_refused(
    monkeypatch: pytest.MonkeyPatch, there: tuple[str, str, str]
) -> None:
    things = [lambda: 1, of_main("class Own:\n  def f(self): return 1", "Own")]
    with monkeypatch.context() as patch:
        patch.setattr(pickler, "_ORIGIN", there)
        packed = [pack(thing) for thing in things]
        by_name = pack((functions.echo, functions.Scale(2).apply, functions.Scale.double))
    elsewhere(monkeypatch)
    for data in packed:
        with pytest.raises(SleighIllegalValueException) as caught:
            unpack(data)
        for word in (*there, *pickler._ORIGIN, "put it into a module"):
            assert word in str(caught.value)
    assert unpack(by_name)[0] is functions.echo


def test_byte_code_of_another_machine_with_the_same_python(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(pickler, "_ORIGIN", (*pickler._ORIGIN[:2], "far"))
        data = pack(lambda: 5)
    assert unpack(data)() == 5


def test_the_same_function_is_packed_alike() -> None:
    def own() -> int:
        return 1

    assert pickle.dumps(pack(own)) == pickle.dumps(pack(own))


LIBRARIES = """
import ctypes
from nws.sleigh import Sleigh, SleighIllegalValueException

library = ctypes.CDLL(None)
Three = ctypes.c_int * 3
Compare = ctypes.CFUNCTYPE(ctypes.c_int)

class Pair(ctypes.Structure):
    _fields_ = [("first", ctypes.c_int)]

if __name__ == "__main__":
    with Sleigh(workerCount=1) as sleigh:
        users = [lambda _: library, lambda _: Three(), lambda _: Compare, lambda _: Pair()]
        for user in users:
            try:
                print(sleigh.eachElem(user, [0]))
            except SleighIllegalValueException as error:
                print("what ctypes loads or makes lives in one process" in str(error), error)
        print(sleigh.eachElem(lambda number: ctypes.CDLL(None).abs(number), [-1]))
"""


def test_what_ctypes_makes_is_refused(script: Script) -> None:
    """The unpickler could make nothing of it, and did not say of what."""
    *refused, works = script(LIBRARIES).stdout.splitlines()
    assert works == "[1]"
    for name, line in zip(["library", "Three", "Compare", "Pair"], refused, strict=True):
        assert line.startswith("True")
        assert name in line
