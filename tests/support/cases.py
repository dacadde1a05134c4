"""Tables of cases that are run within one test."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any


def each(names: str, cases: Iterable[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test with each case of a table, one after the other; a failure names the case.

    For cases that need nothing new from their fixtures: pytest takes 2.5 ms of the processor for a
    test, whatever it does. Where the cases of a failed test have to be seen one by one, use
    `pytest.mark.parametrize`, which takes the same arguments.

    Args:
        names: of the arguments that the cases are for, with commas between them.
        cases: values of the argument, or tuples of values if there are several.
    """
    arguments = names.split(", ")
    table = [case if len(arguments) > 1 else (case,) for case in cases]
    assert table, "no cases"

    def run_with_each(test: Callable[..., None]) -> Callable[..., None]:
        @wraps(test)
        def run(**fixtures: Any) -> None:
            for case in table:
                values = dict(zip(arguments, case, strict=True))
                try:
                    test(**fixtures, **values)
                except Exception as error:
                    raise AssertionError(f"it failed with {values}") from error

        signature = inspect.signature(test)
        others = [each for name, each in signature.parameters.items() if name not in arguments]
        run.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined]
        return run

    return run_with_each
