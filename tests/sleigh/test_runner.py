"""How a worker runs functions: what it passes to them, and what stays from one to the next."""

from __future__ import annotations

import random
from typing import Any

import pytest

from nws.sleigh.shared.functions import APPLY, INVOKE, Function
from nws.sleigh.shared.messages import Call, Failure
from nws.sleigh.shared.pickling import pack, unpack
from nws.sleigh.worker.runner import Runner


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
