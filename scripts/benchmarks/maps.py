"""The sleigh and its peers behind one interface: two workers each, which stay.

Each is imported only when it is opened, as a process opens one of them, and how long that takes is
measured too. All are used as their guides do, without their dashboards and usage reports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache, partial
from importlib import import_module
from typing import Any, Final, NamedTuple, TypeAlias

WORKERS: Final = 2

OURS: Final = "ours"
POOL: Final = "multiprocessing.Pool"
EXECUTOR: Final = "ProcessPoolExecutor"
LOKY: Final = "loky"
JOBLIB: Final = "joblib"
DASK: Final = "Dask"
RAY: Final = "Ray"
IPYPARALLEL: Final = "ipyparallel"
PP: Final = "nws.pp"
PPFT: Final = "ppft"
FUTURES: Final = "nws.futures"
NWS_JOBLIB: Final = "nws.joblib"

Function: TypeAlias = Callable[[Any], Any]
MapCall: TypeAlias = Callable[[Function, Sequence[Any]], list[Any]]


class ParallelMap(NamedTuple):
    """What can be asked of a pool of workers.

    Attributes:
        one: run one task, return its result.
        many: run a task for each value, with the defaults; return the results in order.
        single: the same with one message for each task; None if it is not compared.
        sparing: the same with few tasks under way for each worker; None as before.
        submitted: the same as single calls with futures, and then their results; None as before.
        iterated: the same by an iterator over the results; None as before.
        in_chunks: the same with a thousand values in a message; None as before.
        in_chunks_iterated: both; None as before.
    """

    one: Callable[[Function, Any], Any]
    many: MapCall
    single: MapCall | None = None
    sparing: MapCall | None = None
    submitted: MapCall | None = None
    iterated: MapCall | None = None
    in_chunks: MapCall | None = None
    in_chunks_iterated: MapCall | None = None


class Contestant(NamedTuple):
    """A way to get a parallel map.

    Attributes:
        open: starts the workers, and ends them when the context ends.
        package: which has to be installed; empty if it comes with Python, or is ours.
    """

    open: Callable[[], AbstractContextManager[ParallelMap]]
    package: str = ""


@contextmanager
def _ours() -> Iterator[ParallelMap]:
    with import_module("nws.sleigh").Sleigh(workerCount=WORKERS) as sleigh:

        def each(fun: Function, values: Sequence[Any], **options: Any) -> Any:
            return sleigh.eachElem(fun, [values], **options)

        def submit(fun: Function, values: Sequence[Any]) -> list[Any]:
            futures = [sleigh.submit(fun, value) for value in values]
            return [future.result() for future in futures]

        yield ParallelMap(
            one=lambda fun, value: each(fun, [value])[0],
            many=each,
            single=partial(each, chunkSize=1),
            sparing=partial(each, loadFactor=3),
            submitted=submit,
            iterated=lambda fun, values: list(sleigh.imap(fun, values)),
            in_chunks=partial(each, chunkSize=1000),
            in_chunks_iterated=lambda fun, values: list(sleigh.imap(fun, values, chunkSize=1000)),
        )


@contextmanager
def _pool() -> Iterator[ParallelMap]:
    with import_module("multiprocessing").Pool(WORKERS) as pool:
        yield ParallelMap(
            one=lambda fun, value: pool.apply(fun, (value,)),
            many=pool.map,
            single=partial(pool.map, chunksize=1),
        )


@contextmanager
def _executor() -> Iterator[ParallelMap]:
    with import_module("concurrent.futures").ProcessPoolExecutor(WORKERS) as executor:
        yield _with_executor(executor)


@contextmanager
def _futures() -> Iterator[ParallelMap]:
    with import_module(FUTURES).SleighExecutor(WORKERS) as executor:
        yield _with_executor(executor)


@contextmanager
def _loky() -> Iterator[ParallelMap]:
    # Without timeout=None idle workers end after ten seconds.
    executor = import_module("loky").get_reusable_executor(WORKERS, timeout=None)
    try:
        yield _with_executor(executor)
    finally:
        executor.shutdown()


def _with_executor(executor: Any) -> ParallelMap:
    return ParallelMap(
        one=lambda fun, value: executor.submit(fun, value).result(),
        many=lambda fun, values: list(executor.map(fun, values)),
        single=lambda fun, values: list(executor.map(fun, values, chunksize=1)),
        submitted=lambda fun, values: [
            future.result() for future in [executor.submit(fun, value) for value in values]
        ],
    )


@contextmanager
def _joblib() -> Iterator[ParallelMap]:
    joblib = import_module("joblib")
    with joblib.Parallel(n_jobs=WORKERS) as parallel:

        def many(fun: Function, values: Sequence[Any]) -> Any:
            task = joblib.delayed(fun)
            return parallel(task(value) for value in values)

        yield ParallelMap(one=lambda fun, value: many(fun, [value])[0], many=many)


@contextmanager
def _nws_joblib() -> Iterator[ParallelMap]:
    import_module(NWS_JOBLIB).register()
    with import_module("joblib").parallel_config("nws"), _joblib() as parallel_map:
        yield parallel_map


@contextmanager
def _dask() -> Iterator[ParallelMap]:
    dask = import_module("distributed")
    with (
        dask.LocalCluster(
            n_workers=WORKERS, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        dask.Client(cluster) as client,
    ):
        # pure=False: else a result that is still known would be taken for the next one.
        yield ParallelMap(
            one=lambda fun, value: client.submit(fun, value, pure=False).result(),
            many=lambda fun, values: client.gather(client.map(fun, values, pure=False)),
        )


@contextmanager
def _ray() -> Iterator[ParallelMap]:
    ray = import_module("ray")
    ray.init("local", num_cpus=WORKERS, include_dashboard=False)
    remote = cache(ray.remote)
    try:
        yield ParallelMap(
            one=lambda fun, value: ray.get(remote(fun).remote(value)),
            many=lambda fun, values: ray.get([remote(fun).remote(value) for value in values]),
        )
    finally:
        ray.shutdown()


@contextmanager
def _ipyparallel() -> Iterator[ParallelMap]:
    with import_module("ipyparallel").Cluster(n=WORKERS) as client:
        view = client.load_balanced_view()
        yield ParallelMap(one=view.apply_sync, many=view.map_sync)


@contextmanager
def _parallel_python(module: str) -> Iterator[ParallelMap]:
    server = import_module(module).Server(WORKERS)

    def submit(fun: Function, values: Sequence[Any]) -> list[Any]:
        jobs = [server.submit(fun, (value,)) for value in values]
        return [job() for job in jobs]

    try:
        yield ParallelMap(
            one=lambda fun, value: submit(fun, [value])[0], many=submit, submitted=submit
        )
    finally:
        server.destroy()


MAPS: Final = {
    OURS: Contestant(_ours),
    POOL: Contestant(_pool),
    EXECUTOR: Contestant(_executor),
    LOKY: Contestant(_loky, "loky"),
    JOBLIB: Contestant(_joblib, "joblib"),
    DASK: Contestant(_dask, "distributed"),
    RAY: Contestant(_ray, "ray"),
    IPYPARALLEL: Contestant(_ipyparallel, "ipyparallel"),
    PP: Contestant(partial(_parallel_python, PP)),
    FUTURES: Contestant(_futures),
    NWS_JOBLIB: Contestant(_nws_joblib, "joblib"),
    PPFT: Contestant(partial(_parallel_python, PPFT), "ppft"),
}
