"""`imap` over inputs that keep it waiting: no result waits for them."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nws.sleigh import Sleigh, SleighIllegalValueException
from nws.sleigh.master.input_reader import is_prompt
from tests.sleigh.functions import arrive
from tests.support.deadly import times_ten
from tests.support.processes import Aside, until, until_file
from tests.support.server import PATIENCE


class Held:
    """An input that gives what it was told, and else keeps its reader waiting."""

    def __init__(self, *given: Any) -> None:
        self._queue: queue.Queue[Any] = queue.Queue()
        self.give(*given)

    def give(self, *given: Any) -> None:
        for each in given:
            self._queue.put(each)

    def __iter__(self) -> Iterator[Any]:
        while True:
            given = self._queue.get(timeout=PATIENCE)
            if isinstance(given, BaseException):
                raise given
            if given is None:
                return
            yield given


def following(iterator: Iterator[Any]) -> Any:
    return Aside(partial(next, iterator)).result()


@pytest.fixture(params=["parallel", "serial"])
def either(request: pytest.FixtureRequest, sleigh: Sleigh, serial: Sleigh) -> Sleigh:
    return sleigh if request.param == "parallel" else serial


OPTIONS: list[dict[str, Any]] = [
    {},
    {"chunkSize": 1},
    {"chunkSize": 10},
    {"loadFactor": 1},
    {"loadFactor": 10, "chunkSize": 3},
    {"loadFactor": 0},
]


@pytest.mark.nightly(but_each=5)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_each_element_is_given_when_the_result_before_has_come(
    either: Sleigh, options: dict[str, Any]
) -> None:
    held = Held()
    iterator = either.imap(times_ten, held, **options)
    for number in range(1, 30):
        held.give(number)
        assert following(iterator) == 10 * number
    held.give(None)
    assert Aside(partial(list, iterator)).result() == []
    assert either.eachElem(times_ten, [1]) == [10]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_several_elements_and_then_a_long_wait(either: Sleigh, options: dict[str, Any]) -> None:
    held = Held(*range(1, 6))
    iterator = either.starmap(times_ten, ((number,) for number in held), **options)
    assert [following(iterator) for _ in range(5)] == [10, 20, 30, 40, 50]
    held.give(6, 7, 8, None)
    assert Aside(partial(list, iterator)).result() == [60, 70, 80]


def links(page: int) -> list[int]:
    return [link for link in (2 * page, 2 * page + 1) if link < 200]


def test_an_input_that_is_fed_from_its_own_results(either: Sleigh) -> None:
    """A crawler: it ends when all that was found has been looked at."""
    frontier: queue.Queue[int | None] = queue.Queue()
    frontier.put(1)

    def crawl() -> list[int]:
        seen, open_pages = [1], 1
        for found in either.imap(links, iter(frontier.get, None)):
            seen += found
            open_pages += len(found) - 1
            for page in found:
                frontier.put(page)
            if not open_pages:
                frontier.put(None)
        return seen

    assert sorted(Aside(crawl).result()) == list(range(1, 200))


def test_a_result_that_comes_while_the_input_is_waited_for(sleigh: Sleigh, tmp_path: Path) -> None:
    held = Held((1, tmp_path))
    call = Aside(lambda: next(sleigh.starmap(arrive, held)))
    until_file(tmp_path / "1")
    (tmp_path / "go").touch()
    assert call.result() == 1


def test_beside_a_call_that_receives_for_it(sleigh: Sleigh, tmp_path: Path) -> None:
    future = sleigh.submit(arrive, 1, tmp_path)
    until_file(tmp_path / "1")
    held = Held()
    iterator = sleigh.imap(times_ten, held)
    for number in range(1, 6):
        held.give(number)
        assert following(iterator) == 10 * number
    iterator.stop()
    held.give(None)
    (tmp_path / "go").touch()
    assert future.result(PATIENCE) == 1


# Its end


def test_an_input_that_fails_after_a_while(sleigh: Sleigh) -> None:
    held = Held(1, 2)
    iterator = sleigh.imap(times_ten, held)
    assert [following(iterator), following(iterator)] == [10, 20]
    held.give(3, LookupError("it ends here"))
    assert following(iterator) == 30
    with pytest.raises(LookupError, match="ends here"):
        following(iterator)
    assert Aside(partial(list, iterator)).result() == []
    assert sleigh.eachElem(times_ten, [1]) == [10]


def test_an_input_that_is_interrupted_after_a_while(sleigh: Sleigh) -> None:
    held = Held(1)
    iterator = sleigh.imap(times_ten, held)
    assert following(iterator) == 10
    held.give(2, 3, KeyboardInterrupt())
    seen: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        Aside(partial(seen.extend, iterator)).result()
    seen += Aside(partial(list, iterator)).result()
    assert seen == [20, 30][: len(seen)], "the rest was dropped, as by Ctrl-C anywhere"
    assert sleigh.eachElem(times_ten, [1]) == [10]


def test_an_element_that_cannot_be_pickled_after_a_while(sleigh: Sleigh) -> None:
    held = Held(1)
    iterator = sleigh.imap(times_ten, held)
    assert following(iterator) == 10
    held.give(2, threading.Lock())
    assert following(iterator) == 20
    with pytest.raises(SleighIllegalValueException, match="element 2 cannot be pickled"):
        following(iterator)


@pytest.mark.parametrize(
    "last", [LookupError("it ends here"), threading.Lock()], ids=["it", "pickle"]
)
def test_the_reader_of_an_input_that_fails_ends(sleigh: Sleigh, last: Any) -> None:
    threads = threading.active_count()
    held = Held(1, last)
    with pytest.raises((LookupError, SleighIllegalValueException)):
        list(sleigh.imap(times_ten, held))
    until(lambda: threading.active_count() <= threads, "the end of the reader")


@pytest.mark.parametrize("leave", ["stop", "forget"])
def test_it_is_left_while_the_input_is_read(sleigh: Sleigh, leave: str) -> None:
    """Nothing is read from it any more, but for what is being read."""
    threads = threading.active_count()
    held = Held(1)
    iterator: Any = sleigh.imap(times_ten, held)
    assert following(iterator) == 10
    if leave == "stop":
        iterator.stop()
        assert list(iterator) == []
    del iterator
    assert sleigh.eachElem(times_ten, [1]) == [10]
    held.give(2, 3, None)
    until(lambda: threading.active_count() <= threads, "the end of the reader")
    assert held._queue.qsize() == 2


def test_a_reader_that_has_nothing_to_do_ends(sleigh: Sleigh) -> None:
    threads = threading.active_count()
    iterator: Any = sleigh.imap(times_ten, (number for number in itertools.count()))
    assert following(iterator) == 0
    del iterator
    until(lambda: threading.active_count() <= threads, "the end of the reader")


# What it is for users


@pytest.mark.parametrize("begin", [next, lambda _: None], ids=["begun", "not begun"])
def test_an_input_that_nobody_else_has_ends_with_the_call(
    either: Sleigh, begin: Callable[[Iterator[Any]], Any]
) -> None:
    """As at the end of a ``for`` loop: a generator closes its file then, for example."""
    ended = threading.Event()

    class Numbers:
        def __iter__(self) -> Iterator[int]:
            self.numbers = itertools.count()
            return self

        def __next__(self) -> int:
            return next(self.numbers)

        def __del__(self) -> None:
            ended.set()

    iterator = either.imap(times_ten, Numbers())
    begin(iterator)
    iterator.stop()
    assert ended.wait(PATIENCE)
    assert list(iterator) == []


def test_a_generator_is_closed_when_the_call_is_stopped(either: Sleigh) -> None:
    closed = threading.Event()

    def numbers() -> Iterator[int]:
        try:
            yield from itertools.count()
        finally:
            closed.set()

    iterator = either.imap(times_ten, numbers())
    assert [next(iterator), next(iterator)] == [0, 10]
    iterator.stop()
    assert closed.wait(PATIENCE)


def test_an_input_that_is_prompt_is_read_only_while_its_user_waits(sleigh: Sleigh) -> None:
    inside = ContextVar("inside", default=0)
    inside.set(7)
    reading = False
    seen = []

    def source() -> Iterator[int]:
        nonlocal reading
        for number in range(2000):
            reading = True
            seen.append(inside.get())
            reading = False
            yield number

    for _ in sleigh.imap(times_ten, source()):
        assert not reading
    assert set(seen) == {7}


@pytest.mark.parametrize(
    "prompt", [[], (), range(3), {}, set(), "ab", itertools.count(), itertools.repeat(1)]
)
def test_inputs_that_are_read_at_once(prompt: Any) -> None:
    assert is_prompt([[], prompt])


@pytest.mark.parametrize(
    "make", [lambda: iter([]), lambda: (n for n in [1]), Held, lambda: map(abs, [1])]
)
def test_inputs_that_may_take_long(make: Callable[[], Any]) -> None:
    assert not is_prompt([[], make()])


# The size of tasks


@pytest.mark.nightly(but_each=5)
@pytest.mark.parametrize("options", [{}, {"loadFactor": 10}, {"loadFactor": 1}, {"loadFactor": 0}])
@pytest.mark.parametrize("kind", [iter, list], ids=["an iterator", "a list"])
@pytest.mark.parametrize("size", [7, 1000])
def test_tasks_have_the_size_that_is_asked_for(
    sleigh: Sleigh,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
    kind: Callable[[Any], Any],
    size: int,
) -> None:
    monkeypatch.setattr("nws.sleigh.master.input_reader._PATIENCE_SECONDS", PATIENCE)
    sizes: list[int] = []
    submit = sleigh._team.submit

    def note(tasks: Any) -> None:
        sizes.extend(len(task.elements) for task in tasks)
        submit(tasks)

    monkeypatch.setattr(sleigh._team, "submit", note)
    count = 20 * size + 3
    results = sleigh.imap(times_ten, kind(range(count)), chunkSize=size, **options)
    assert sum(results) == 10 * sum(range(count))
    assert sizes == [size] * 20 + [3]
