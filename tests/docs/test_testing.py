"""The examples of docs/testing.md."""

from __future__ import annotations

import re

import pytest

from nws.client import NetWorkSpace
from tests.support.server import ROOT

BLOCKS = re.findall(
    r"```python\n(.*?)```", (ROOT / "docs" / "testing.md").read_text(encoding="utf-8"), re.DOTALL
)


def test_there_are_all() -> None:
    assert len(BLOCKS) == 2


@pytest.mark.slow
@pytest.mark.nightly  # such programs are in tests/testing
def test_of_a_program(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(BLOCKS[0])
    pytester.runpytest_subprocess("-p", "nws.testing.plugin").assert_outcomes(passed=1)


def test_a_server_in_memory() -> None:
    names: dict[str, object] = {}
    exec(BLOCKS[1], names)
    assert isinstance(names["ws"], NetWorkSpace)
