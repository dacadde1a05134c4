"""What a code and a job may be given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nws.depalma.messages import read, write
from nws.depalma.parameters import CodeSpec, checked_arguments, checked_options
from nws.errors import DepalmaArgumentException


def test_the_defaults_are_those_of_the_original() -> None:
    spec = CodeSpec.checked("true", {})
    assert (spec.io, spec.pickup, spec.error_pickup, spec.buf, spec.label) == (
        *(False, False, False),
        8192,
        "",
    )
    assert not spec.keeps_output


def test_all_parameters_survive_the_way_to_a_host() -> None:
    params = {
        "io": True,
        "pickup": 1,
        "error_pickup": 0,
        "buf": "line",
        "label": "calender",
        "env": {"A": "b"},
        "cwd": "/tmp",
        "timeout": 1.5,
        "retries": 2,
        "memory": 4e9,
        "cpu": 10,
        "groups": ["b", "a", "b"],
        "priority": -1,
    }
    spec = CodeSpec.checked(["factor", 12, Path("x")], params)
    assert (spec.buf, spec.groups, spec.memory) == (1, ["a", "b"], 4 * 10**9)
    assert read(CodeSpec, write(spec)) == spec


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"speed": 1}, "unknown field `speed`; there are env,"),
        ({"io": "yes"}, r"code_params: Expected `bool`, got `str` - at `\$.io`"),
        ({"buf": "lines"}, "Expected `int`.*buf`; a number of bytes, 0 for none, or 1 or 'line'"),
        ({"buf": -1}, "Expected `int` >= 0.*buf`; a number of bytes, 0 for none, or 1 or 'line'"),
        ({"label": 3}, "Expected `str`.*label"),
        ({"timeout": float("nan")}, "Expected `float` >= 0.*timeout"),
        ({"timeout": -1}, "Expected `float` >= 0.*timeout"),
        ({"retries": True}, "Expected `int`.*retries"),
        ({"memory": 1.5}, "Expected `int`.*memory"),
        ({"memory": float("inf")}, "Expected `int`.*memory"),
        ({"env": {"A=": "b"}}, "no '=' or zero character.* `key` in .*env"),
        ({"env": {"A": "\0"}}, "no zero character .*env"),
        ({"cwd": "/\0"}, "no zero character .*cwd"),
        ({"groups": "big"}, "Expected `array`.*groups"),
        ({"priority": 0.5}, "Expected `int`.*priority"),
        ({"groups": [3]}, "Expected `str`.*groups"),
        ({"groups": [""]}, "Expected `str` of length.*groups"),
        (["io"], "code_params is a dictionary"),
    ],
)
def test_wrong_parameters_are_named(params: Any, said: str) -> None:
    with pytest.raises(DepalmaArgumentException, match=said):
        CodeSpec.checked("true", params)


@pytest.mark.parametrize("command", ["", " ", [], None, 3, ["a\0b"], ["a", None], "a\0b", {"a": 1}])
def test_wrong_commands_are_refused(command: Any) -> None:
    with pytest.raises(DepalmaArgumentException, match="command"):
        CodeSpec.checked(command, {})


def test_options_of_a_job_replace_those_of_its_code() -> None:
    spec = CodeSpec.checked("true", {"timeout": 5, "priority": 1})
    options = {"priority": 9.0, "groups": ("big",), "cwd": None}
    changed = spec.with_options(checked_options(options))
    assert (changed.timeout, changed.priority, changed.groups) == (5, 9, ["big"])
    assert spec.with_options({}) is spec


@pytest.mark.parametrize(
    "options", [{"io": True}, {"label": "x"}, [], "", 0, None, [1], {"cpu": -1}]
)
def test_wrong_options_are_refused(options: Any) -> None:
    with pytest.raises(DepalmaArgumentException, match="options"):
        checked_options(options)


def test_arguments_are_words() -> None:
    numbers = ["1", "2.5", "2.0", "-4294967296", "1e+300", "inf"]
    assert checked_arguments((1, 2.5, 2.0, -(2.0**32), 1e300, float("inf"))) == numbers
    assert checked_arguments((2**64, "a b")) == [str(2**64), "a b"]
    for wrong in ("ab", None, [["a"]], [b"a"], ["\0"]):
        with pytest.raises(DepalmaArgumentException, match=r"job|word"):
            checked_arguments(wrong)
