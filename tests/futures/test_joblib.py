"""The backend of joblib: what `joblib.Parallel` and scikit-learn ask of it."""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from joblib import Parallel, delayed

from nws.futures import SleighExecutor
from nws.sleigh import Sleigh
from tests.sleigh import functions
from tests.sleigh.conftest import Script, script
from tests.support import deadly
from tests.support.processes import until_file

__all__ = ["script"]


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


@pytest.mark.parametrize(
    ("options", "can_write"),
    [
        ({}, False),
        ({"max_nbytes": None}, True),
        ({"max_nbytes": "2M"}, True),
        ({"mmap_mode": "c"}, True),
        ({"mmap_mode": None}, True),
    ],
)
def test_calls_may_write_into_arrays_where_joblib_is_told_so(
    options: dict[str, Any], can_write: bool
) -> None:
    """As with joblib's own backends. They write into copies of theirs."""
    array = np.ones(200_000)
    looked = Parallel(**options)(delayed(look_at)(array, times=1) for _ in range(3))
    assert looked == 3 * [(can_write, 200_000.0)]


def add_to(array: Any, number: int) -> tuple[int, ...]:
    array += number
    array.flush()
    return tuple(array.shape)


def test_what_calls_write_into_a_file_is_there(tmp_path: Path) -> None:
    """The way of joblib's own guide to gather results in one array."""
    path = tmp_path / "sums"
    sums = np.memmap(path, np.float32, "w+", 8, (4, 6), "F")
    rows = (sums[0], sums[1, ::2], sums[2, ::-1], sums.T[1:3, 3])
    shapes = Parallel(n_jobs=2)(delayed(add_to)(row, n + 1) for n, row in enumerate(rows))
    assert shapes == [(6,), (3,), (6,), (2,)]
    assert sums.tolist() == [6 * [1], 3 * [2, 0], 6 * [3], [0, 4, 4, 0, 0, 0]]
    del sums, rows
    read = np.memmap(path, np.float32, "c", 8, (4, 6), "F")
    assert Parallel(n_jobs=2)([delayed(add_to)(array=read, number=1)] * 2) == 2 * [(4, 6)]
    assert read[0, 0] == 1, "it is a copy"


@pytest.mark.usefixtures("nothing_is_left")
def test_workers_of_its_own_that_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    import nws.joblib

    look = [delayed(look_around)()]
    executors = nws.joblib._Executors()
    monkeypatch.setattr(nws.joblib, "_executors", executors)
    painted = partial(joblib.parallel_config, "nws", n_jobs=2, initializer=os.putenv)
    with painted(inner_max_num_threads=3, initargs=("COLOR", "red")):
        assert Parallel()(2 * look) == 2 * [("3", "red")]
        first = executors._executor
        assert Parallel()(2 * look) == 2 * [("3", "red")]
        assert executors._executor is first
    with painted(inner_max_num_threads=3, initargs=("COLOR", "blue")):
        assert Parallel()(2 * look) == 2 * [("3", "blue")]
    assert executors._executor is not None
    executors._executor.shutdown()


def look_around() -> tuple[str, ...]:
    """Return what the environment has, as a child process of the worker would see it."""
    shown = subprocess.check_output(["printenv", "OMP_NUM_THREADS", "COLOR"], text=True)
    return tuple(shown.split())


def test_limits_are_there_before_anything_is_imported(script: Script, tmp_path: Path) -> None:
    """Libraries read them when they are loaded, which the initializer and joblib itself do."""
    (tmp_path / "library.py").write_text(
        "import os\n\nlimit = os.environ['OMP_NUM_THREADS']\n\ndef begin(): pass\n"
    )
    done = script(
        """if True:
        import os
        os.environ["OMP_NUM_THREADS"] = "1"
        import joblib
        import library
        import nws.joblib
        del os.environ["OMP_NUM_THREADS"]

        def look():
            return library.limit

        if __name__ == "__main__":
            nws.joblib.register()
            options = {"initializer": library.begin, "inner_max_num_threads": 3}
            with joblib.parallel_config("nws", n_jobs=2, **options):
                print(joblib.Parallel()(2 * [joblib.delayed(look)()]))
        """
    )
    assert done.stdout == "['3', '3']\n"


def test_an_initializer_is_for_workers_of_its_own(sleigh: Sleigh) -> None:
    options = {"executor": SleighExecutor(sleigh), "initializer": os.putenv}
    with (
        joblib.parallel_config("nws", n_jobs=2, **options),
        pytest.raises(ValueError, match="executor= has workers already"),
    ):
        Parallel()([delayed(abs)(-1)])


def test_unknown_options_are_refused() -> None:
    with pytest.raises(TypeError, match="exector"), joblib.parallel_config("nws", exector=None):
        pass


def fits() -> list[Any]:
    from sklearn.datasets import make_classification
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, cross_val_score

    data = make_classification(200, 10, random_state=0)
    search = GridSearchCV(LogisticRegression(), {"C": [0.01, 0.1, 1.0]}, cv=3, n_jobs=2)
    forest = RandomForestClassifier(8, random_state=0, n_jobs=2)
    scores = cross_val_score(forest, *data, cv=3, n_jobs=2)
    found = search.fit(*data)
    votes = forest.fit(*data).predict_proba(data[0])
    return [found.best_params_, found.best_score_, scores.tolist(), votes.tolist()]


def test_scikit_learn() -> None:
    pytest.importorskip("sklearn")
    ours = fits()
    with joblib.parallel_config("sequential"):
        assert ours == fits()


@pytest.mark.nightly
def test_scikit_learn_as_with_loky() -> None:
    pytest.importorskip("sklearn")
    program = "import json; from tests.futures.test_joblib import fits; print(json.dumps(fits()))"
    theirs = subprocess.check_output([sys.executable, "-c", program], timeout=120)
    assert fits() == json.loads(theirs)


@pytest.mark.nightly
@pytest.mark.slow
def test_the_oldest_joblib(tmp_path: Path) -> None:
    """These tests, and joblib's own, with the oldest joblib that is supported. A folder of its own
    comes before what is installed."""
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--target", tmp_path, "joblib==1.4.0"], check=True)
    files = [__file__, str(Path(__file__).with_name("test_joblib_standard.py"))]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    found = subprocess.check_output(
        [sys.executable, "-c", "import joblib; print(joblib.__version__)"], env=environment
    )
    assert found == b"1.4.0\n"
    subprocess.run([sys.executable, "-m", "pytest", "-q", *files], env=environment, check=True)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "joblib.parallel", None)
    monkeypatch.delitem(sys.modules, "nws.joblib", raising=False)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'networkspaces\[joblib\]'"):
        importlib.import_module("nws.joblib")
