"""Pipes of a program that has closed its standard streams."""

from __future__ import annotations

import os
import sys

import pytest

from nws.processes.pipes import pipe_apart


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_they_have_none_of_the_numbers_of_standard_streams() -> None:
    child = os.fork()
    if not child:
        try:
            os.closerange(0, 3)
            read_end, write_end = pipe_apart()
            os.write(write_end, b"x")
            said = os.read(read_end, 1)
            free = os.open(os.devnull, os.O_RDONLY)
            os._exit(not (min(read_end, write_end) > 2 and said == b"x" and free == 0))
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
