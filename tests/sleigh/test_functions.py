"""The function of a call as it is sent: packed once where it is always packed alike."""

from __future__ import annotations

from typing import Any

import pytest

from nws.sleigh.shared.functions import INVOKE, Function, named_function
from nws.sleigh.shared.pickling import unpack
from tests.sleigh import functions


def _invoked(thing: Any, *fixed: Any, permute: list[int] | None = None) -> Function:
    return Function(INVOKE, thing, fixed, {}, permute)


def test_one_that_travels_by_name_is_packed_once() -> None:
    assert named_function(_invoked(abs)) is named_function(_invoked(abs))


@pytest.mark.parametrize("other", [_invoked(abs, 1), _invoked(abs, permute=[0]), _invoked(max)])
def test_all_that_differs_is_told_apart(other: Function) -> None:
    named_function(_invoked(abs))
    name, packed = named_function(other)
    assert name != named_function(_invoked(abs))[0]
    assert Function(*unpack(packed)) == other


def test_what_has_lost_its_name_travels_by_value(monkeypatch: pytest.MonkeyPatch) -> None:
    former = functions.echo
    by_name = named_function(_invoked(former))
    monkeypatch.setattr(functions, "echo", print)
    by_value = named_function(_invoked(former))
    assert by_value != by_name
    assert Function(*unpack(by_value[1])).thing(2) == (2,)
