"""Executors for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from nws.futures import SleighExecutor
from nws.sleigh import Sleigh
from tests.sleigh.conftest import nothing_is_left, short, sleigh

__all__ = ["nothing_is_left", "short", "sleigh"]


@pytest.fixture
def executor(sleigh: Sleigh) -> Iterator[SleighExecutor]:
    """An executor over the two workers of a module."""
    with SleighExecutor(sleigh) as executor:
        yield executor


@pytest.fixture(scope="module")
def lonely(on_server: dict[str, Any]) -> Iterator[Sleigh]:
    """One worker, for one test of the module after the other."""
    with Sleigh(**on_server, workerCount=1) as lonely:
        yield lonely
