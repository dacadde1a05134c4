"""The keywords of `eachElem` and `eachWorker`, and calls that are not waited for."""

from __future__ import annotations

import bdb
import os
import threading
from functools import partial
from typing import Any

import pytest

from nws.client import NetWorkSpace
from nws.sleigh import (
    Sleigh,
    SleighCancelledException,
    SleighGatheredException,
    SleighIllegalValueException,
    SleighOccupiedException,
    SleighPending,
    SleighStoppedException,
    SleighTaskException,
)
from nws.sleigh.shared.cores import available_cores
from tests.sleigh.functions import (
    decorated_rank,
    echo,
    meet,
    random_numbers,
    store_for_user,
    who_am_i,
)
from tests.support.deadly import is_first, note_and_wait, times_ten, wait_forever
from tests.support.processes import Aside, until, until_file, until_gone
from tests.support.server import PATIENCE
from tests.support.spaces import variable

# Arguments


@pytest.mark.parametrize(
    ("permute", "expected"),
    [
        ([1, 0], [("fixed", 1), ("fixed", 2)]),
        ([0, 1], [(1, "fixed"), (2, "fixed")]),
        ([1], [("fixed",), ("fixed",)]),
        ([0, 0, 1], [(1, 1, "fixed"), (2, 2, "fixed")]),
        ([], [(), ()]),
    ],
)
def test_arguments_are_permuted(sleigh: Sleigh, permute: list[int], expected: Any) -> None:
    assert sleigh.eachElem(echo, [1, 2], "fixed", argPermute=permute) == expected


def test_a_permutation_of_what_is_not_there(sleigh: Sleigh) -> None:
    with pytest.raises(SleighIllegalValueException, match="item 0 is no place of an argument"):
        sleigh.eachElem(echo, [1], argPermute=[3])


@pytest.mark.parametrize("size", [1, 3, 100])
def test_the_size_of_tasks_changes_no_result(sleigh: Sleigh, size: int) -> None:
    assert sleigh.eachElem(times_ten, range(10), chunkSize=size) == list(range(0, 100, 10))


@pytest.mark.parametrize(
    "keywords",
    [
        {"chunkSize": 0},
        {"chunkSize": 1.5},
        {"retries": -1},
        {"retries": 1.5},
        {"timeout": 0},
        {"timeout": -1.0},
        {"progress": "yes"},
        {"type": "nonsense"},
        {"type": "eval"},
    ],
)
def test_keywords_that_cannot_be(sleigh: Sleigh, keywords: dict[str, Any]) -> None:
    with pytest.raises(SleighIllegalValueException):
        sleigh.eachElem(times_ten, [1], **keywords)
    assert sleigh.eachElem(times_ten, [1]) == [10]


def test_what_is_no_function(sleigh: Sleigh) -> None:
    with pytest.raises(SleighIllegalValueException, match="neither a function nor an expression"):
        sleigh.eachElem(7, [1])


# A bound on what is in the workspace


class Counted:
    """An endless iterator that counts what was taken from it."""

    def __init__(self, end: int = 10**9) -> None:
        self.taken = 0
        self._end = end

    def __iter__(self) -> Counted:
        return self

    def __next__(self) -> int:
        if self.taken >= self._end:
            raise StopIteration
        self.taken += 1
        return self.taken - 1


def test_a_load_factor_bounds_what_is_taken(sleigh: Sleigh) -> None:
    elements = Counted(200)
    ahead: list[int] = []

    def gather(values: list[Any], tags: list[int]) -> None:
        done.extend(tags)
        ahead.append(elements.taken - len(done) + len(tags))

    done: list[int] = []
    sleigh.eachElem(times_ten, elements, loadFactor=3, chunkSize=1, accumulator=gather)
    assert sorted(done) == list(range(200))
    assert max(ahead) <= 3 * 2


def test_a_load_factor_changes_no_result(sleigh: Sleigh) -> None:
    results = sleigh.eachElem(echo, [range(1000), range(1000)], loadFactor=3)
    assert results == [(number, number) for number in range(1000)]


def test_a_load_factor_bounds_the_servers_memory(sleigh: Sleigh) -> None:
    held = []

    def look(values: list[Any], tags: list[int]) -> None:
        held.append(sleigh.nws.server.status()["memory"])

    sleigh.eachElem(abs, range(150_000), loadFactor=3, accumulator=look)
    assert max(held) < 1_500_000, "all elements at once take some 2.5 million bytes"


# Accumulators


def test_an_accumulator_is_given_lists(sleigh: Sleigh) -> None:
    gathered: dict[int, Any] = {}

    def accumulate(values: list[Any], tags: list[int]) -> None:
        gathered.update(zip(tags, values, strict=True))

    assert sleigh.eachElem(times_ten, range(50), accumulator=accumulate) is None
    assert gathered == {number: 10 * number for number in range(50)}


def test_an_accumulator_that_fails_ends_the_call(sleigh: Sleigh) -> None:
    def accumulate(values: list[Any], tags: list[int]) -> None:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        sleigh.eachElem(times_ten, range(50), accumulator=accumulate)
    assert sleigh.eachElem(times_ten, [1]) == [10]


# Progress


def test_progress_is_told(sleigh: Sleigh) -> None:
    told: list[tuple[int, int | None]] = []
    sleigh.eachElem(times_ten, range(40), chunkSize=4, progress=lambda *args: told.append(args))
    assert (told[0], told[-1]) == ((0, 40), (40, 40))
    assert told == sorted(told)


def test_progress_without_an_end_in_sight(sleigh: Sleigh) -> None:
    told: list[tuple[int, int | None]] = []
    sleigh.eachElem(times_ten, Counted(9), loadFactor=1, progress=lambda *a: told.append(a))
    assert told[-1] == (9, None)


def test_a_bar(sleigh: Sleigh, capsys: pytest.CaptureFixture[str]) -> None:
    sleigh.eachElem(times_ten, range(7), progress=True)
    shown = capsys.readouterr().err
    assert "100%" in shown
    assert "7/7" in shown


# Expressions


def test_an_expression(sleigh: Sleigh) -> None:
    assert sleigh.eachElem("  sum(SleighArguments)", [[1, 2], [3, 4]]) == [4, 6]
    assert sleigh.eachElem("SleighArgs[0]", ["one"]) == ["one"]


def test_statements(sleigh: Sleigh) -> None:
    text = "total = 0\nfor each in SleighArguments:\n    total += each\nSleighValue = total"
    assert sleigh.eachElem(text, [[1, 2], [10, 20]]) == [11, 22]
    assert sleigh.eachElem("import os", [1]) == [None], "no value is left from before"


def test_an_expression_that_is_not_python(sleigh: Sleigh) -> None:
    with pytest.raises(SleighIllegalValueException, match="not Python"):
        sleigh.eachElem("1 +", [1])


def test_an_expression_that_fails(sleigh: Sleigh) -> None:
    (failed,) = sleigh.eachElem("1 / SleighArguments[0]", [0])
    assert isinstance(failed.__cause__, ZeroDivisionError)


def test_a_defined_function_is_there_for_expressions(sleigh: Sleigh) -> None:
    assert sleigh.eachWorker(times_ten, type="define") == [None, None]
    assert sleigh.eachElem("times_ten(SleighArguments[0])", range(4)) == [0, 10, 20, 30]


def test_a_lambda_cannot_be_a_text(sleigh: Sleigh) -> None:
    with pytest.raises(SleighIllegalValueException, match="can only be 'eval'"):
        sleigh.eachElem("1", [1], type="invoke")


# Each worker


def test_each_worker_runs_it_once(sleigh: Sleigh) -> None:
    for _ in range(20):
        ranks = [rank for rank, *_ in sleigh.eachWorker(who_am_i)]
        assert ranks == [0, 1]


def test_what_tasks_find(sleigh: Sleigh) -> None:
    rank, count, spaces, more = sleigh.eachWorker(who_am_i, 7)[1]
    assert (rank, count, more) == (1, 2, (7,))
    assert spaces == [sleigh.nws.currentWs(), sleigh.userNws.currentWs()]


def test_a_decorated_function_finds_them_too(sleigh: Sleigh) -> None:
    assert sleigh.eachWorker(decorated_rank) == [0, 1]


def test_each_worker_may_wait_for_the_others(sleigh: Sleigh) -> None:
    assert sleigh.eachWorker(meet, 2) == [2, 2]


def test_the_master_takes_part(sleigh: Sleigh) -> None:
    pending = sleigh.eachWorker(store_for_user, blocking=False)
    heard = sorted(sleigh.userNws.fetch("from workers", timeout=20) for _ in range(2))
    sleigh.userNws.store_many("from master", ["thanks"] * 2)
    assert heard == [0, 1]
    assert pending.wait() == ["thanks", "thanks"]


def test_one_of_the_workers_fails(sleigh: Sleigh) -> None:
    first, second = sleigh.eachWorker("1 // SleighRank")
    assert isinstance(first, SleighTaskException)
    assert isinstance(first.__cause__, ZeroDivisionError)
    assert second == 1


def test_an_accumulator_for_each_worker(sleigh: Sleigh) -> None:
    gathered: list[tuple[list[Any], list[int]]] = []
    assert sleigh.eachWorker("SleighRank", accumulator=lambda *a: gathered.append(a)) is None
    assert sorted(tag for _, tags in gathered for tag in tags) == [0, 1]


# Pending


def test_a_pending_call(sleigh: Sleigh) -> None:
    pending = sleigh.eachElem(times_ten, range(30), blocking=False)
    assert isinstance(pending, SleighPending)
    until(lambda: pending.check() == 0, "the end of the call")
    assert pending.check() == 0
    assert pending.wait() == list(range(0, 300, 10))
    with pytest.raises(SleighGatheredException):
        pending.wait()


@pytest.mark.parametrize("count", [10, 2000])
def test_a_look_at_a_pending_call_is_up_to_date(
    sleigh: Sleigh, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("_NEXT_RESULTS_SECONDS", "_MAX_CHECK_SECONDS"):  # a loaded machine takes longer
        monkeypatch.setattr(f"nws.sleigh.master.pending.{limit}", PATIENCE)
    pending = sleigh.eachElem(times_ten, range(count), blocking=False, chunkSize=1)
    tasks = partial(variable, sleigh.nws, "task")
    until(lambda: tasks().values + tasks().leased == 0, "the last task")
    assert pending.check() == 0
    assert pending.wait() == list(range(0, 10 * count, 10))


def test_a_pending_call_occupies_the_sleigh(sleigh: Sleigh) -> None:
    pending = sleigh.eachElem(times_ten, range(3), blocking=False)
    for call in (
        partial(sleigh.eachElem, times_ten, [1]),
        partial(sleigh.eachWorker, times_ten, 1),
        partial(sleigh.imap, times_ten, [1]),
        partial(sleigh.starmap, times_ten, [(1,)]),
    ):
        if not pending.check():
            break  # all came back: the sleigh is free
        with pytest.raises(SleighOccupiedException):
            call()
    assert pending.wait() == [0, 10, 20]


def test_a_cancelled_call(sleigh: Sleigh, tmp_path: Any) -> None:
    pending = sleigh.eachElem(note_and_wait, range(10), tmp_path, blocking=False)
    running = int(until_file(tmp_path / "0"))
    pending.cancel()
    until_gone([running])
    with pytest.raises(SleighGatheredException):
        pending.wait()
    assert sleigh.eachElem(times_ten, range(5)) == [0, 10, 20, 30, 40]


@pytest.mark.parametrize("accumulator", [None, lambda *_: None])
def test_a_call_that_another_thread_cancels(sleigh: Sleigh, accumulator: Any) -> None:
    waits = threading.Event()
    pending = sleigh.eachElem(
        wait_forever,
        [1],
        accumulator=accumulator,
        progress=lambda *_: waits.set(),
        blocking=False,
    )
    call = Aside(pending.wait)
    assert waits.wait(PATIENCE)
    pending.cancel()
    with pytest.raises(SleighCancelledException, match="another thread"):
        call.result()


def test_a_call_that_is_forgotten(sleigh: Sleigh, tmp_path: Any) -> None:
    pending = sleigh.eachElem(note_and_wait, range(10), tmp_path, blocking=False)
    running = int(until_file(tmp_path / "0"))
    del pending
    assert sleigh.eachElem(times_ten, range(5)) == [0, 10, 20, 30, 40]
    until_gone([running])


def test_a_pending_call_of_a_stopped_sleigh(on_server: dict[str, Any]) -> None:
    with Sleigh(**on_server, workerCount=1) as sleigh:
        pending = sleigh.eachElem("import time; time.sleep(100)", [1], blocking=False)
    with pytest.raises(SleighStoppedException):
        pending.wait()


# Again


def test_retries(sleigh: Sleigh, tmp_path: Any) -> None:
    def fail_twice(element: int, folder: Any) -> int:
        if any(is_first(folder, f"{element} {time}") for time in range(2)):
            raise OSError(f"element {element}")
        return element

    results = sleigh.eachElem(fail_twice, range(5), tmp_path, retries=2)
    assert results == list(range(5))


def test_retries_of_a_serial_sleigh(serial: Sleigh, tmp_path: Any) -> None:
    def fail_once(element: int, folder: Any) -> int:
        if is_first(folder, element):
            raise OSError(f"element {element}")
        return element

    assert serial.eachElem(fail_once, range(3), tmp_path, retries=1) == [0, 1, 2]


def test_retries_are_not_endless(sleigh: Sleigh, tmp_path: Any) -> None:
    def fail(element: int, folder: Any) -> None:
        if element == 2:
            next(time for time in range(10) if is_first(folder, time))
            raise OSError(f"element {element}")

    results = sleigh.eachElem(fail, range(5), tmp_path, retries=3)
    assert [isinstance(each, SleighTaskException) for each in results] == [False] * 2 + [True] + [
        False
    ] * 2
    assert len(os.listdir(tmp_path)) == 4


# Random numbers


def test_each_element_has_its_own_random_numbers(
    sleigh: Sleigh, serial: Sleigh, on_server: dict[str, Any]
) -> None:
    first = sleigh.eachElem(random_numbers, range(8), seed=1)
    assert len({number for numbers in first for number in numbers}) == 8 * 3
    assert sleigh.eachElem(random_numbers, range(8), seed=1, chunkSize=3) == first
    assert list(sleigh.imap(random_numbers, range(8), seed=1)) == first
    assert sleigh.eachElem(random_numbers, range(8), seed=2) != first
    with Sleigh(**on_server, workerCount=1) as other:
        assert other.eachElem(random_numbers, range(8), seed=1) == first
    assert serial.eachElem(random_numbers, range(8), seed=1) == first


def test_without_a_seed_there_is_none(sleigh: Sleigh) -> None:
    sleigh.eachElem(random_numbers, range(2), seed=1)
    assert sleigh.eachElem("SleighSeed", [1]) == [None]


def test_a_numpy_that_cannot_be_imported(
    on_server: dict[str, Any], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("raise ImportError('broken')")
    monkeypatch.syspath_prepend(tmp_path)
    with Sleigh(**on_server, workerCount=1) as sleigh:
        (number,) = sleigh.eachElem("import random; SleighValue = random.random()", [1], seed=1)
    assert 0 < number < 1


# Threads of libraries


def test_inner_threads_have_a_fair_share(sleigh: Sleigh) -> None:
    cores = available_cores()
    shares = sleigh.eachElem(os.getenv, ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"])
    assert shares == [os.environ.get("OMP_NUM_THREADS", str(max(1, cores // 2)))] * 2


def test_the_users_own_number_of_threads_stays(
    on_server: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "17")
    with Sleigh(**on_server, workerCount=2) as sleigh:
        assert sleigh.eachElem(os.getenv, ["OMP_NUM_THREADS"]) == ["17"]


# The group


def test_status_and_workers(sleigh: Sleigh) -> None:
    assert sleigh.status(timeout=20) == (2, 1)
    assert sleigh.status(closeGroup=True) == (2, 1)
    pids = sleigh.eachWorker(os.getpid)
    info = sleigh.workerInfo()
    assert [worker["rank"] for worker in info] == [0, 1]
    assert [worker["pid"] for worker in info] == pids
    assert info[0].keys() >= {"host", "os", "pid", "python", "nws", "rank", "logfile"}


def test_calls_of_a_stopped_sleigh(on_server: dict[str, Any]) -> None:
    sleigh = Sleigh(**on_server, workerCount=1)
    sleigh.stop()
    for call in (
        partial(sleigh.eachElem, times_ten, [1]),
        partial(sleigh.eachWorker, times_ten),
        partial(sleigh.imap, times_ten, [1]),
        sleigh.status,
        sleigh.workerInfo,
    ):
        with pytest.raises(SleighStoppedException):
            call()
    sleigh.stop()


# In this process


def test_a_serial_sleigh(serial: Sleigh) -> None:
    assert serial.eachElem(os.getpid, [[]]) == []
    assert (
        serial.eachElem(threading.get_ident, argPermute=[], elementArgs=range(2))
        == [threading.get_ident()] * 2
    )
    assert serial.eachWorker(who_am_i)[0][:2] == (0, 1)
    assert list(serial.imap(times_ten, range(3))) == [0, 10, 20]
    pending = serial.eachElem(times_ten, range(3), blocking=False)
    assert (pending.check(), pending.wait()) == (0, [0, 10, 20])
    (failed,) = serial.eachElem("1 / 0", [1])
    assert isinstance(failed.__cause__, ZeroDivisionError)
    assert isinstance(serial.userNws, NetWorkSpace)


@pytest.mark.parametrize("error", [KeyboardInterrupt, bdb.BdbQuit])
def test_a_serial_call_can_be_interrupted(serial: Sleigh, error: type[BaseException]) -> None:
    def interrupt(_: Any) -> None:
        raise error

    with pytest.raises(error):
        serial.eachElem(interrupt, range(3))
    assert serial.eachElem(times_ten, [1]) == [10]


def test_a_serial_task_cannot_change_the_masters_list(serial: Sleigh) -> None:
    mine: list[int] = []
    serial.eachElem("SleighArguments[1].append(1)", [1, 2], [mine])
    assert mine == []


def test_a_serial_task_cannot_change_the_masters_array(serial: Sleigh) -> None:
    numpy = pytest.importorskip("numpy")

    def fill(array: Any) -> float:
        array[:] = 1.0
        return float(array.sum())

    array = numpy.zeros(100_000)
    assert serial.eachElem(fill, [[array]]) == [100_000.0]
    assert array.sum() == 0.0
