"""The backend of joblib: what `joblib.Parallel` and scikit-learn ask of it."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from joblib import Parallel, delayed

from nws.futures import SleighExecutor
from nws.sleigh import Sleigh
from tests.sleigh import functions
from tests.support import deadly
from tests.support.processes import until_file


@pytest.fixture(autouse=True)
def on_sleigh(sleigh: Sleigh) -> Iterator[None]:
    """Let joblib use the workers of the module."""
    import nws.joblib

    nws.joblib.register()
    executor = SleighExecutor(sleigh, cancel_running=True)
    with executor, joblib.parallel_config("nws", executor=executor):
        yield


def test_results_in_order() -> None:
    assert Parallel()(delayed(deadly.times_ten)(n) for n in range(500)) == list(range(0, 5000, 10))
    assert Parallel()(delayed(lambda x, k: x + k)(n, k=1) for n in range(5)) == [1, 2, 3, 4, 5]
    assert Parallel()([]) == []


def test_it_runs_on_the_workers(sleigh: Sleigh) -> None:
    pids = Parallel(batch_size=1)(delayed(os.getpid)() for _ in range(20))
    assert set(pids) <= set(sleigh.eachWorker(functions.worker))
    assert joblib.effective_n_jobs(-1) == 2
    assert joblib.effective_n_jobs(5) == 5
    assert Parallel(n_jobs=1)([delayed(os.getpid)()]) == [os.getpid()]


@pytest.mark.parametrize("return_as", ["generator", "generator_unordered"])
def test_generators(return_as: str) -> None:
    results = Parallel(return_as=return_as)(delayed(deadly.times_ten)(n) for n in range(50))
    assert sorted(results) == list(range(0, 500, 10))


def test_an_exception_is_the_one_that_was_raised(tmp_path: Path) -> None:
    calls = [delayed(deadly.times_ten)(n) for n in range(50)]
    with pytest.raises(KeyError, match="no such station"):
        Parallel()([*calls, delayed(functions.fail)(KeyError, "no such station"), *calls])
    assert Parallel()(calls) == list(range(0, 500, 10))


def test_after_a_timeout_workers_are_free(tmp_path: Path, sleigh: Sleigh) -> None:
    with pytest.raises(multiprocessing.TimeoutError):
        Parallel(timeout=0.1)(delayed(deadly.note_and_wait)(n, tmp_path) for n in range(2))
    assert sleigh.submit(deadly.times_ten, 1).result(20) == 10


def fail_after(path: Path) -> None:
    deadly.wait_for(path)
    raise KeyError("over")


def test_what_runs_is_stopped_after_an_exception(tmp_path: Path, sleigh: Sleigh) -> None:
    calls = [delayed(deadly.note_and_wait)(0, tmp_path), delayed(fail_after)(tmp_path / "0")]
    with pytest.raises(KeyError, match="over"):
        Parallel(batch_size=1)(calls)
    both = [sleigh.submit(functions.arrive, n, tmp_path) for n in (1, 2)]
    for n in (1, 2):
        until_file(tmp_path / str(n))
    (tmp_path / "go").touch()
    assert [future.result(20) for future in both] == [1, 2], "both workers are free"


def inner(count: int, backend: str | None) -> list[int]:
    return list(Parallel(n_jobs=2, backend=backend)(delayed(abs)(-n) for n in range(count)))


@pytest.mark.parametrize("backend", [None, "nws", "threading"])
def test_nested_calls(backend: str | None) -> None:
    nested = Parallel()(delayed(inner)(n, backend) for n in range(6))
    assert nested == [list(range(n)) for n in range(6)]


def look_at(array: Any, *, times: int) -> tuple[bool, float]:
    return array.flags.writeable, float(array.sum()) * times


def test_large_arrays_are_sent_once(monkeypatch: pytest.MonkeyPatch) -> None:
    large, small = np.ones(200_000), np.ones(10)
    scattered: list[Any] = []
    scatter = SleighExecutor.scatter

    def note(executor: SleighExecutor, value: Any) -> Any:
        scattered.append(value)
        return scatter(executor, value)

    monkeypatch.setattr(SleighExecutor, "scatter", note)
    calls = [delayed(look_at)(array, times=2) for array in (large, small) for _ in range(5)]
    assert Parallel(batch_size=1)(calls) == [*5 * [(False, 400_000.0)], *5 * [(True, 20.0)]]
    assert len(scattered) == 1


@pytest.mark.usefixtures("nothing_is_left")
def test_workers_of_its_own_that_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    import nws.joblib

    variables = [delayed(os.getenv)("OMP_NUM_THREADS")]
    executors = nws.joblib._Executors()
    monkeypatch.setattr(nws.joblib, "_executors", executors)
    with joblib.parallel_config("nws", n_jobs=2, inner_max_num_threads=3):
        assert Parallel()(2 * variables) == ["3", "3"]
        first = executors._executor
        assert Parallel()(2 * variables) == ["3", "3"]
        assert executors._executor is first
    assert first is not None
    first.shutdown()


def test_scikit_learn() -> None:
    pytest.importorskip("sklearn")
    from sklearn.datasets import make_classification
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, cross_val_score

    data = make_classification(200, 10, random_state=0)

    def fits() -> list[Any]:
        search = GridSearchCV(LogisticRegression(), {"C": [0.01, 0.1, 1.0]}, cv=3, n_jobs=2)
        forest = RandomForestClassifier(8, random_state=0, n_jobs=2)
        scores = cross_val_score(forest, *data, cv=3, n_jobs=2)
        found = search.fit(*data)
        votes = forest.fit(*data).predict_proba(data[0])
        return [found.best_params_, found.best_score_, scores.tolist(), votes.tolist()]

    ours = fits()
    with joblib.parallel_config("sequential"):
        assert ours == fits()


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "joblib.parallel", None)
    monkeypatch.delitem(sys.modules, "nws.joblib", raising=False)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'networkspaces\[joblib\]'"):
        importlib.import_module("nws.joblib")
