"""Maps client errors to those of the sleigh, and cancels the call that fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import NoReturn

from nws.errors import NwsException, SleighNwsException
from nws.sleigh.master.run import Run

__all__ = ["ErrorScope", "undone_on_failure"]


@contextmanager
def undone_on_failure(undo: Callable[[], None]) -> Iterator[None]:
    """Undo the making of a sleigh if it fails, and make errors of the server its own."""
    try:
        yield
    except BaseException as error:
        undo()
        if isinstance(error, NwsException):
            raise SleighNwsException(
                f"the workspace of the workers cannot be used: {error}"
            ) from error
        raise


class ErrorScope:
    """A context that makes errors of the server errors of the sleigh, and cancels a call that
    fails.

    It is a class and not a generator because a short call spends a part of its time here.
    """

    __slots__ = ("_check", "_explain", "_run")

    def __init__(
        self,
        check: Callable[[], None],
        explain: Callable[[NwsException], NoReturn],
        run: Run | None = None,
    ) -> None:
        """Prepare.

        Args:
            check: called first; raises if the sleigh cannot be used.
            explain: is given an error of the server, and raises what the user is to see.
            run: the call to cancel, if any.
        """
        self._check = check
        self._explain = explain
        self._run = run

    def __enter__(self) -> None:
        self._check()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            return
        if self._run is not None:
            try:
                self._run.cancel()
            except NwsException:
                pass  # the server is gone, and all with it
        if isinstance(error, NwsException):
            self._explain(error)
