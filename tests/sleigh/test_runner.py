"""How a worker runs functions: what it passes to them, and what stays from one to the next."""

from __future__ import annotations

import functools
import random
from collections import Counter
from typing import Any, ClassVar

import pytest

from nws.sleigh import Sleigh
from nws.sleigh.master.calls_report import name_of
from nws.sleigh.shared.functions import APPLY, INVOKE, Function, check_function
from nws.sleigh.shared.messages import Call, Failure
from nws.sleigh.shared.pickling import pack, unpack
from nws.sleigh.worker.runner import Runner
from tests.support.processes import Aside


def run(runner: Runner, *arguments: Any, element: int = 0) -> Any:
    outcome = runner.run(element, pack(arguments))
    return outcome if isinstance(outcome, Failure) else unpack(outcome)


def prepared(function: Function, seed: int | None = None) -> Runner:
    runner = Runner({}, {})
    runner.prepare(function, Call(1, "function", 1, seed=seed))
    return runner


def told(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
    return args, kwargs


@pytest.mark.parametrize(
    ("fixed", "keywords", "permute", "expected"),
    [
        ((), {}, None, ((1, 2), {})),
        ((3,), {}, None, ((1, 2, 3), {})),
        ((), {"k": 4}, None, ((1, 2), {"k": 4})),
        ((3,), {"k": 4}, None, ((1, 2, 3), {"k": 4})),
        ((3,), {"k": 4}, [2, 0], ((3, 1), {"k": 4})),
    ],
)
def test_fixed_arguments(
    fixed: tuple[Any, ...], keywords: dict[str, Any], permute: list[int] | None, expected: Any
) -> None:
    assert run(prepared(Function(INVOKE, told, fixed, keywords, permute)), 1, 2) == expected


@pytest.mark.parametrize(
    ("args", "kwargs", "expected"),
    [
        ((), {}, ((3,), {"k": 4, "m": 5})),
        ((1, 2), {"k": 6}, ((1, 2, 3), {"k": 6, "m": 5})),
        ((1,), {"args": 7, "kwargs": 8}, ((1, 3), {"k": 4, "m": 5, "args": 7, "kwargs": 8})),
    ],
)
def test_a_pair_of_arguments(args: tuple[Any, ...], kwargs: dict[str, Any], expected: Any) -> None:
    runner = prepared(Function(APPLY, told, (3,), {"k": 4, "m": 5}, None))
    assert run(runner, args, kwargs) == expected
    assert run(runner, (), {}) == ((3,), {"k": 4, "m": 5}), "the fixed ones stay as they are"


@pytest.mark.parametrize(("kind", "arguments"), [(APPLY, ((), {})), (INVOKE, ())])
def test_the_traceback_begins_with_the_users_function(kind: str, arguments: Any) -> None:
    outcome = run(prepared(Function(kind, fail, (1,), {"key": 2}, None)), *arguments)
    assert isinstance(outcome, Failure)
    assert outcome.text.count("File ") == 1
    assert "ValueError: ((1,), {'key': 2})" in outcome.text


def fail(*args: Any, **kwargs: Any) -> None:
    raise ValueError(args, kwargs)


class _Nameless(type):
    """A class of these has no names."""

    def __getattribute__(cls, name: str) -> Any:
        if name in {"__name__", "__qualname__", "__module__"}:
            raise LookupError
        return super().__getattribute__(name)


class _Odd(Exception, metaclass=_Nameless):
    pass


class _Ending(Exception):
    @property
    def __notes__(self) -> Any:
        raise SystemExit


def _raise(kind: type[Exception]) -> None:
    raise kind


@pytest.mark.parametrize("kind", [_Odd, _Ending], ids=["nameless", "ending"])
def test_an_exception_whose_class_is_odd_ends_its_element_only(kind: type[Exception]) -> None:
    failed = run(prepared(Function(INVOKE, _raise, (kind,), {}, None)))
    assert isinstance(failed, Failure)
    assert "whose traceback cannot be written" in failed.text


def test_each_element_has_random_numbers_of_its_own() -> None:
    function = Function(APPLY, draw, (), {}, None)
    state = random.getstate()
    try:
        one, other = prepared(function, seed=1), prepared(function, seed=1)
        draws = [run(one, (), {}, element=element) for element in range(3)]
        again = [run(other, (), {}, element=element) for element in (2, 1, 0)]
        assert draws == again[::-1]
        assert len(set(draws)) == 3
        assert run(prepared(function), (), {})[1] is None
    finally:
        random.setstate(state)


SleighSeed: int | None


def draw() -> tuple[float, int | None]:
    return random.random(), SleighSeed


class Everything:
    """It has every attribute, and all of them are itself."""

    asked: ClassVar[Counter[str]] = Counter()

    def __getattr__(self, name: str) -> Everything:
        Everything.asked[name] += 1
        assert Everything.asked[name] <= 100, "it is asked again and again"
        return self

    def __call__(self, *_: Any) -> int:
        return 5


class Nothing:
    """It raises whatever it is asked for."""

    def __getattr__(self, name: str) -> Any:
        raise ZeroDivisionError(name)

    def __call__(self, *_: Any) -> int:
        return 5


def circular() -> int:
    return 5


circular.__wrapped__ = circular  # type: ignore[attr-defined]


def wraps_everything() -> int:
    return 5


wraps_everything.__wrapped__ = Everything()  # type: ignore[attr-defined]

ODD: dict[str, Any] = {
    "every attribute": Everything(),
    "no attribute": Nothing(),
    "a method of it": Everything().__call__,
    "a partial of it": functools.partial(Everything()),
    "an instance of a class that has it": type("Meta", (Everything,), {})(),
    "a circle": circular,
    "a circle in a partial": functools.partial(circular),
    "a function around it": wraps_everything,
}


@pytest.mark.parametrize("name", ODD)
def test_what_can_be_called_is_not_looked_at_closely(name: str) -> None:
    assert run(prepared(Function(INVOKE, ODD[name], (), {}, None))) == 5
    assert name_of(ODD[name])
    assert check_function(ODD[name], None) == (INVOKE, ODD[name])


@pytest.mark.parametrize("serial", [False, True])
def test_calls_of_them(on_server: dict[str, Any], serial: bool) -> None:
    with Sleigh(**on_server, workerCount=1, serial=serial) as sleigh:
        for thing in (Everything(), functools.partial(Everything()), wraps_everything):
            assert Aside(functools.partial(sleigh.eachWorker, thing)).result() == [5]


def test_names_are_known_behind_decorations() -> None:
    """Whatever the decorated form is."""

    def rank() -> int:
        return SleighRank

    @functools.wraps(rank)
    def outer() -> int:
        return rank()

    cached = functools.lru_cache(rank)
    for function in (rank, outer, cached, functools.partial(outer), Decorated().rank, Decorated()):
        globals().pop("SleighRank", None)
        runner = Runner({"SleighRank": 3}, {})
        runner.prepare(Function(INVOKE, function, (), {}, None), Call(1, "function", 1))
        assert run(runner) == 3
    globals().pop("SleighRank", None)


SleighRank: int


class Decorated:
    def rank(self) -> int:
        return SleighRank

    def __call__(self) -> int:
        return SleighRank
