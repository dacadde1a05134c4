"""How a worker runs the elements of a call: its function, called, defined or evaluated."""

from __future__ import annotations

import functools
import random
import struct
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from hashlib import blake2b
from types import FunctionType, MethodType
from typing import Any, Final, NoReturn

from nws.exception_text import kind_of, shortened
from nws.sleigh.shared.decorated import CACHED_FUNCTION
from nws.sleigh.shared.functions import APPLY, DEFINE, EVAL, Function
from nws.sleigh.shared.generators import GlobalStates, restart, seed_for
from nws.sleigh.shared.messages import Call, Failure
from nws.sleigh.shared.pickling import Packed, pack, unpack
from nws.sleigh.worker.kept_globals import KeptGlobals
from nws.sleigh.worker.remedies import remedy_for

__all__ = ["Runner", "failure"]


class Runner:
    """Runs the elements of calls in this process.

    Attributes:
        names: what tasks find as global names, such as ``SleighRank``.
        keeps_arguments: they may be needed once more, so elements are given copies of large ones.
        failed: an element has failed since somebody set this to False.
        end_fork: set in a fork that a task has made of this process; ends it, given what was raised
            in it, if anything.
    """

    def __init__(
        self,
        names: dict[str, Any],
        namespace: dict[str, Any],
        let_through: tuple[type[BaseException], ...] = (),
    ) -> None:
        """Prepare.

        Args:
            names: what tasks find as global names.
            namespace: in which expressions are evaluated and functions are kept.
            let_through: exceptions that are not an element's outcome.
        """
        self._let_through = let_through
        self.names = names
        self._namespace = namespace
        self._seed: int | None = None
        self._unseeded: GlobalStates | None = None  # what a seeded call has found
        self._generators: Sequence[Any] = ()
        self.keeps_arguments = self.failed = False
        self.end_fork: Callable[[BaseException | None], NoReturn] | None = None
        self._globals: dict[str, Any] = {}
        self._kept = KeptGlobals()
        self._apply: Callable[..., Any] = _not_prepared

    def prepare(self, function: Function, call: Call, generators: Sequence[Any] = ()) -> None:
        """Make a function the one that `run` runs; ``generators`` have come with it."""
        self.end_seed()
        self._seed = call.seed
        self._generators = generators
        self.names["SleighWorkerCount"] = call.worker_count
        self._namespace.update(self.names)
        self._kept.give(self._namespace)
        self._globals = self._namespace
        if function.kind == EVAL:
            apply = self._evaluator(function.thing)
        elif function.kind == DEFINE:
            apply = self._define(function.thing)
        else:
            apply = function.thing
            self._globals = _globals_of(apply)
            self._make_known(apply)
        self._apply = _with_fixed(apply, function)
        self._globals["SleighSeed"] = None
        if self._seed is not None:
            with suppress(ImportError):
                import numpy.random  # noqa: F401 - so that its generator is there to be seeded
            self._unseeded = GlobalStates()

    def end_seed(self) -> None:
        """Give the global generators the states back that they had before a seeded call."""
        if self._unseeded is not None:
            self._unseeded.restore()
            self._unseeded = None

    def initialize(self, function: Function, call: Call) -> Failure | None:
        """Run the sleigh's initializer for what it does, not for its result. Return why it has
        failed, if it has."""
        self.prepare(function, call._replace(seed=None))
        try:
            with self._kept.noting(self._globals):
                self._apply()
            if self.end_fork is not None:
                self.end_fork(None)
        except self._let_through:
            raise
        except BaseException as error:
            if self.end_fork is not None:
                self.end_fork(error)
            return failure(error)
        return None

    def run(self, element: int, arguments: Packed) -> Packed | Failure:
        """Run one element; whatever it raises is its outcome."""
        stage = "the arguments cannot be read by the worker\n"
        try:
            given = unpack(arguments, again=self.keeps_arguments)
            stage = ""
            if self._seed is not None:
                self._seed_generators(element, self._seed)
            value = self._apply(*given)
            stage = "the result cannot be pickled\n"
            packed = pack(value)
            if self.end_fork is not None:
                self.end_fork(None)
            return packed
        except self._let_through:
            raise
        except BaseException as error:  # sys.exit() in a task is the task's end, not the worker's
            if self.end_fork is not None:
                self.end_fork(error)
            self.failed = True
            return failure(error, stage)

    def _make_known(self, function: Any) -> None:
        """Set the names where a function, and what it is a decorated form of, looks for them."""
        for layer in _layers_of(function):
            known = _globals_of(layer)
            known.update(self.names)
            self._kept.give(known)
            if known.get("__name__") == "__main__":
                # So that pickle, which the function may use, finds them by their names.
                self._namespace.update(filter(_is_of_main, list(known.items())))
        self._namespace.update(filter(_is_of_main, [(_name_of(function), function)]))

    def _define(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def keep(*_: Any) -> None:
            self._namespace[function.__name__] = function
            self._make_known(function)

        return keep

    def _evaluator(self, text: str) -> Callable[..., Any]:
        namespace = self._namespace
        try:
            code, is_expression = compile(text, "<expression>", "eval"), True
        except SyntaxError:
            code, is_expression = compile(text, "<expression>", "exec"), False

        def evaluate(*arguments: Any) -> Any:
            # The guide calls it SleighArguments, the original's code SleighArgs.
            namespace["SleighArguments"] = namespace["SleighArgs"] = list(arguments)
            if is_expression:
                return eval(code, namespace)
            namespace.pop("SleighValue", None)
            exec(code, namespace)
            return namespace.get("SleighValue")

        return evaluate

    def _seed_generators(self, element: int, seed: int) -> None:
        """Give an element random numbers of its own, the same wherever it runs.

        The generators get different seeds: from the same one, two of them would draw the same.
        """
        digest = blake2b(f"{seed} {element}".encode(), digest_size=48).digest()
        random.seed(int.from_bytes(digest[:16], "little"))
        self._globals["SleighSeed"] = int.from_bytes(digest[16:32], "little")
        numpy_random = sys.modules.get("numpy.random")
        if numpy_random is not None:
            numpy_random.seed(struct.unpack("<4I", digest[32:]))
        for place, generator in enumerate(self._generators):
            restart(generator, seed_for(seed, element, place))


def _not_prepared(*_: Any) -> Any:
    raise AssertionError("no function was prepared")


def _with_fixed(apply: Callable[..., Any], function: Function) -> Callable[..., Any]:
    """Return what is called with the arguments of each element; it adds the fixed ones."""
    fixed, keywords, permute = list(function.fixed), function.keywords, function.permute
    if function.kind == APPLY:
        return lambda args, kwargs: apply(*args, *fixed, **(keywords | kwargs))
    if permute is not None:
        order = list(permute)

        def call_in_order(*varying: Any) -> Any:
            arguments = [*varying, *fixed]
            return apply(*[arguments[place] for place in order], **keywords)

        return call_in_order
    if fixed or keywords:
        return lambda *varying: apply(*varying, *fixed, **keywords)
    return apply


def _is_of_main(item: tuple[str, Any]) -> bool:
    """Tell whether these are the name and the value of a function or class of the main program."""
    name, value = item
    return (
        isinstance(value, (type, *_WRAPPERS))
        and value.__module__ == "__main__"
        and name == getattr(value, "__qualname__", None)
    )


def _name_of(function: Any) -> str:
    """Return the name of a function; an empty one for other things that can be called."""
    return getattr(function, "__name__", "") if isinstance(function, _WRAPPERS) else ""


_WRAPPERS: Final = (FunctionType, CACHED_FUNCTION)
"""Kinds of decorated functions that name the function inside. Other objects may have any attribute,
and one that leads round in a circle."""


def _layers_of(function: Any) -> Iterator[Any]:
    """Return a function, and the functions that it is a decorated form of."""
    seen: set[int] = set()
    function = _core_of(function)
    while isinstance(function, _WRAPPERS) and id(function) not in seen:
        yield function
        seen.add(id(function))
        function = _core_of(getattr(function, "__wrapped__", None))


def _core_of(function: Any) -> Any:
    """Return the function in a method, a partial or an object that can be called."""
    while isinstance(function, (functools.partial, MethodType)):
        function = function.func if isinstance(function, functools.partial) else function.__func__
    if isinstance(function, _WRAPPERS):
        return function
    return type(function).__call__ if callable(function) else None


def _globals_of(function: Any) -> dict[str, Any]:
    """Return the global names that a function sees; an empty dict for one in C."""
    function = _core_of(function)
    return function.__globals__ if isinstance(function, FunctionType) else {}


def failure(error: BaseException, stage: str = "") -> Failure:
    """Describe an exception, with its traceback from the user's function on.

    Args:
        error: what was raised.
        stage: a line that comes before the traceback.
    """
    remedy = remedy_for(error)
    if remedy:
        stage = f"{stage.rstrip() or 'it cannot do what it needs'} {remedy}\n"
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    try:
        text = stage + shortened("".join(traceback.format_exception(type(error), error, frames)))
    except (
        Exception,
        SystemExit,
        GeneratorExit,
    ) as problem:  # by something in it that is the user's
        kind, why = kind_of(error), kind_of(problem)
        text = f"{stage}{kind}, whose traceback cannot be written ({why})\n"
    try:
        return Failure(text, pack(error))
    except BaseException:
        return Failure(text)  # which says it all
