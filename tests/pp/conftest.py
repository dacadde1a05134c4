"""Servers for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nws import pp
from tests.sleigh.conftest import nothing_is_left

__all__ = ["job_server", "nothing_is_left"]


@pytest.fixture(scope="module")
def job_server(nothing_is_left: None) -> Iterator[pp.Server]:
    """A server with two workers, shared by the tests of a module."""
    server = pp.Server(2)
    yield server
    server.destroy()
