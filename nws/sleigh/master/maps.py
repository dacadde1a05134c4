"""Calls of a function for many elements: those of the user guide's appendix A.2, and ours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from nws.errors import SleighIllegalValueException
from nws.sleigh.master.arguments import (
    columns_of,
    count_of,
    counted_elements,
    elements_of,
    fixed_arguments,
    fixed_keywords,
)
from nws.sleigh.master.calls_report import CallState
from nws.sleigh.master.chunks import Chunks
from nws.sleigh.master.collector import Accumulator, Collector
from nws.sleigh.master.engine import LOOK_SECONDS, AnyTeam
from nws.sleigh.master.input_reader import is_prompt
from nws.sleigh.master.liveness import Liveness
from nws.sleigh.master.occupancy import Occupancy
from nws.sleigh.master.options import (
    CallOptions,
    checked_factor,
    checked_options,
    checked_permutation,
    checked_size,
)
from nws.sleigh.master.pending import SleighPending
from nws.sleigh.master.progress import Progress, no_progress, progress_for
from nws.sleigh.master.result_iterator import SleighResultIterator
from nws.sleigh.master.window import TaskWindow, Window, window_for
from nws.sleigh.shared.functions import Function, check_function

__all__ = ["Maps"]


class Maps:
    """What `nws.sleigh.Sleigh` does with many elements."""

    _calls: Occupancy
    _team: AnyTeam
    _liveness: Liveness

    def eachElem(
        self,
        fun: Any,
        elementArgs: Any = (),
        fixedArgs: Any = (),
        *,
        type: str | None = None,
        blocking: bool = True,
        argPermute: Sequence[int] | None = None,
        loadFactor: float = 0,
        accumulator: Accumulator | None = None,
        fixedKwargs: Mapping[str, Any] | None = None,
        chunkSize: int | None = None,
        timeout: float | None = None,
        retries: int = 0,
        raising: bool = False,
        progress: bool | Progress = False,
        seed: int | None = None,
        group: str | None = None,
    ) -> Any:
        """Call a function for each element and return the results in the order of the elements.

        If it is interrupted, by Ctrl-C or otherwise, the workers drop what they run.

        Args:
            fun: any callable; what workers cannot import, such as a lambda, is sent to them. Or a
                text: an expression, or statements that leave their result in ``SleighValue``; both
                find their arguments in the list ``SleighArguments``.
            elementArgs: a list of iterables, one for each argument that varies; the shortest one
                ends the elements. Where one argument varies, the list around it may be left out. A
                string, dict, set, named tuple or data frame is one argument, not an iterable.
            fixedArgs: further arguments, the same for all elements.
            fixedKwargs: keyword arguments, the same for all elements.
            type: ``invoke`` calls the function, ``define`` only makes it known by its name to
                expressions that come later, ``eval`` is for texts. By default it fits ``fun``.
            blocking: wait for the results. Otherwise return a `SleighPending` at once.
            argPermute: which of the varying and then the fixed arguments to pass, by their places.
            loadFactor: put no more tasks than this for each worker into the workspace at a time, if
                it is more than 0 and the call is blocking.
            accumulator: called with a list of results and a list of their places, as they arrive.
                Then nothing is returned.
            chunkSize: elements in a task. By default it is chosen, and tasks that turn out to be
                long are cut.
            timeout: seconds that one element may take, more than 0; None or infinity for any time.
                Then its worker is killed and replaced, and the element fails with a TimeoutError.
            retries: how many times to retry an element that failed or timed out. An element whose
                worker dies is tried three times in any case.
            progress: True for a bar, or a function that is called with the number of elements that
                are done, and of all (None if that is not known).
            raising: raise the exception of the first element that fails, chained to that of
                the worker, and cancel the rest. By default it is a value in the list.
            seed: gives every element random numbers of its own, the same for any number of workers
                and any size of tasks: it seeds `random` and the global generator of NumPy, and the
                element finds a number of its own in ``SleighSeed``.
            group: have it done by workers of this group only; see ``docs/sleigh.md``. By default
                any worker may.

        Returns:
            A list. Where an element failed, it holds a SleighTaskException with the remote
            traceback, whose cause is the worker's exception.

        Raises:
            SleighTaskException: an element failed, and ``raising`` is true; or a worker cannot read
                the function, and no element is done yet.
            SleighStoppedException: the sleigh was stopped.
            SleighOccupiedException: another call is under way.
            SleighIllegalValueException: the function or an argument cannot be used or pickled.
            SleighNwsException: the server is gone, or refused the tasks.
            SleighJoinException: workers end again and again without having done anything; or none
                of the group is there.
            SleighInitializerException: the initializer has failed on a worker.
        """
        with self._calls.beginning():
            options = checked_options(timeout, retries, seed, group)
            in_chunk = checked_size(chunkSize)
            factor = checked_factor(loadFactor)
            kind, thing = check_function(fun, type)
            fixed, keywords = fixed_arguments(fixedArgs), fixed_keywords(fixedKwargs, kind)
            columns = columns_of(elementArgs)
            permutation = checked_permutation(argPermute, len(columns) + len(fixed))
            bounded = blocking and factor > 0
            if bounded:  # they may be many
                arguments, total = elements_of(columns), count_of(columns)
            else:
                arguments, total = counted_elements(columns)
            size = self._team.size
            chunks = Chunks(arguments, size, in_chunk, None if bounded else total)
            window = TaskWindow(max(size, int(factor * size))) if bounded else Window()
            function = Function(kind, thing, fixed, keywords, permutation)
            state = CallState("eachElem", fun, total)
            run = self._calls.begin(state, function, chunks, window, options)
            shown = progress_for(progress)
            collector = Collector(run, accumulator, shown, total, raising=raising)
            with self._calls.scope(run):
                run.submit()
                return collector.all() if blocking else SleighPending(collector, self._calls.scope)

    def map(
        self,
        fun: Any,
        iterable: Iterable[Any],
        /,
        *iterables: Iterable[Any],
        type: str | None = None,
        errors: str = "raise",
        chunkSize: int | None = None,
        timeout: float | None = None,
        retries: int = 0,
        progress: bool | Progress = False,
        seed: int | None = None,
        group: str | None = None,
    ) -> list[Any]:
        """Call a function for each element, as the builtin `map` does, and return the results in
        the order of the elements.

        Args:
            fun: see `eachElem`.
            iterable, iterables: one for each argument; the shortest one ends the elements. Those
                whose length is not known are read first.
            errors: ``raise`` to raise the exception of the first element that fails, and cancel the
                rest; ``return`` to have a SleighTaskException in its place.
            type, chunkSize, timeout, retries, progress, seed, group: see `eachElem`.

        Raises:
            SleighException: as for `eachElem`.
            TypeError: something is no iterable.
        """
        if errors not in ("raise", "return"):
            raise SleighIllegalValueException(f"errors={errors!r}: it can be 'raise' or 'return'")
        with self._calls.beginning():
            options = checked_options(timeout, retries, seed, group)
            arguments, total = counted_elements([iterable, *iterables])
            chunks = Chunks(arguments, self._team.size, checked_size(chunkSize), total)
            function = Function(*check_function(fun, type), (), {}, None)
            state = CallState("map", fun, total)
            run = self._calls.begin(state, function, chunks, Window(), options)
            raising = errors == "raise"
            collector = Collector(run, None, progress_for(progress), total, raising=raising)
            with self._calls.scope(run):
                run.submit()
                return collector.all() or []

    def eachWorker(
        self,
        fun: Any,
        *workerArgs: Any,
        type: str | None = None,
        blocking: bool = True,
        accumulator: Accumulator | None = None,
        fixedKwargs: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        retries: int = 0,
        raising: bool = False,
    ) -> Any:
        """Call a function exactly once on each worker; return the results in the order of ranks.

        It waits first until all workers have joined. The arguments are those of `eachElem`.

        Args:
            fun: see `eachElem`.
            workerArgs: passed to the function, the same for all workers.
            type, blocking, accumulator, fixedKwargs, timeout, retries, raising: see `eachElem`.

        Raises:
            SleighException: as for `eachElem`; SleighJoinException if workers do not join.
        """
        with self._calls.beginning():
            options = checked_options(timeout, retries)
            kind, thing = check_function(fun, type)
            function = Function(kind, thing, (), fixed_keywords(fixedKwargs, kind), None)
            self._liveness.reset_backoff()  # all are needed: try again at once
            self._team.members.wait_for_all(self._check_health, LOOK_SECONDS)
            chunks = Chunks(iter([workerArgs]), 1, 1)
            with self._liveness.turn:  # from here on nobody dismisses one of them
                self._liveness.look_who_has_left()
                ranks = self._team.members.ranks()
                count = len(ranks)
                state = CallState("eachWorker", fun, count)
                run = self._calls.begin(
                    state, function, chunks, Window(), options, everyone=max(ranks) + 1
                )
            collector = Collector(run, accumulator, no_progress, count, raising=raising)
            with self._calls.scope(run):
                run.submit_for_everyone(ranks)
                return collector.all() if blocking else SleighPending(collector, self._calls.scope)

    def imap(
        self,
        fun: Any,
        *iterables: Iterable[Any],
        type: str | None = None,
        loadFactor: float | None = None,
        chunkSize: int | None = None,
        timeout: float | None = None,
        retries: int = 0,
        raising: bool = False,
        seed: int | None = None,
        group: str | None = None,
    ) -> SleighResultIterator:
        """Return an iterator over the results, in the order of the elements.

        The iterables may be endless: they are read as results are taken.

        Args:
            fun: see `eachElem`.
            iterables: one for each argument; the shortest one ends the elements.
            loadFactor: how many elements for each worker are submitted or unread at a time; 0 or
                less for any number. By default as many as the workers do in about 0.2 seconds, from
                10 to 4096 for each worker and at most 32 MiB in all.
            raising: raise the exception of an element that failed in its place, and end.
            type, chunkSize, timeout, retries, seed, group: see `eachElem`.

        Raises:
            SleighException: as for `eachElem`, here or by the iterator.
            TypeError: something is no iterable.
        """
        options = checked_options(timeout, retries, seed, group)
        arguments, may_wait = zip(*iterables, strict=False), not is_prompt(iterables)
        return self._iterate(
            "imap", fun, arguments, type, loadFactor, chunkSize, options, raising, may_wait
        )

    def starmap(
        self,
        fun: Any,
        iterable: Iterable[Iterable[Any]],
        *,
        type: str | None = None,
        loadFactor: float | None = None,
        chunkSize: int | None = None,
        timeout: float | None = None,
        retries: int = 0,
        raising: bool = False,
        seed: int | None = None,
        group: str | None = None,
    ) -> SleighResultIterator:
        """Return an iterator over the results for the argument lists of an iterable; see `imap`."""
        options = checked_options(timeout, retries, seed, group)
        arguments, may_wait = map(tuple, iterable), not is_prompt([iterable])
        return self._iterate(
            "starmap", fun, arguments, type, loadFactor, chunkSize, options, raising, may_wait
        )

    def _iterate(
        self,
        method: str,
        fun: Any,
        arguments: Iterator[tuple[Any, ...]],
        kind: str | None,
        loadFactor: float | None,
        chunkSize: int | None,
        options: CallOptions,
        raising: bool,
        may_wait: bool,
    ) -> SleighResultIterator:
        with self._calls.beginning():
            size, in_chunk = self._team.size, checked_size(chunkSize)
            factor = None if loadFactor is None else checked_factor(loadFactor)
            window, largest = window_for(factor, size, in_chunk)
            chunks = Chunks(arguments, size, in_chunk, largest=largest, may_wait=may_wait)
            function = Function(*check_function(fun, kind), (), {}, None)
            state = CallState(method, fun, None)
            run = self._calls.begin(state, function, chunks, window, options)
            iterator = SleighResultIterator(run, window, self._calls.scope, raising=raising)
            with self._calls.scope(run):
                run.submit_up_to_problem()
            return iterator

    def _check_health(self) -> None:
        self._calls.check()
        self._liveness.check(busy=False)
