"""Where exceptions strike."""

from __future__ import annotations

from types import FunctionType

from tests.support.strikes import struck


def clean_up(garbage: list[object]) -> None:
    garbage.clear()


clean_up_in_the_client = FunctionType(clean_up.__code__, {"__name__": "nws.client"})


class Finalized:
    def __init__(self, finalized: list[str]) -> None:
        self._finalized = finalized

    def __del__(self) -> None:
        self._finalized.append("finalized")


def test_a_function_of_the_client() -> None:
    assert struck(0, clean_up_in_the_client, []) == ([], True)


def test_not_a_finalizer() -> None:
    """What it raises is only reported, and it need not be the client's own."""
    finalized: list[str] = []
    _, was_struck = struck(1, clean_up_in_the_client, [Finalized(finalized)])
    assert finalized == ["finalized"]
    assert was_struck, "when the list's method returned"
