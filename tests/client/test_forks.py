"""A forked child gets a session of its own; what belongs to the parent stays the parent's."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.processes import until
from tests.support.programs import output_of, started
from tests.support.spaces import Opener

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")

PROGRAM = "client/programs/forks.py"
SCENARIOS = [
    "child_has_a_session_of_its_own",
    "closed_before_the_fork",
    "closed_in_the_child",
    "a_stream_is_the_first_use",
    "grandchildren",
    "iterators_and_leases",
    "streams_of_the_parent",
    "multiprocessing_fork",
    "multiprocessing_forkserver",
    "other_workspaces_of_the_session",
    "multiprocessing_spawn",
    "while_a_thread_waits",
    "while_threads_connect",
]
"""Each third one, from the first on, is for the ordinary run."""


@pytest.mark.nightly(but_each=3)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_in_a_child(opened: Opener, scenario: str) -> None:
    output_of(PROGRAM, scenario, opened.port, opened.name)


@pytest.mark.nightly(but_each=3)
@pytest.mark.parametrize(
    "scenario", ["child_has_a_session_of_its_own", "grandchildren", "multiprocessing_fork"]
)
def test_in_a_child_with_an_original_server(opened_original: Opener, scenario: str) -> None:
    output_of(PROGRAM, scenario, opened_original.port, opened_original.name)


def test_the_parents_workspaces_go_with_the_parent(opened_either: Opener) -> None:
    """Although a child lives on that was forked while the connection was open."""
    observer = opened_either.server()
    arguments = ("the_child_lives_longer", opened_either.port, opened_either.name)
    with started(PROGRAM, *arguments) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "forked\n"
        assert process.wait(30) == 0
        until(lambda: opened_either.name not in observer.listWss(), "the purge")


def test_a_program_that_is_started_has_no_connection(opened: Opener) -> None:
    ws = opened()
    number = ws.server.nwsSocket.fileno()
    program = f"import os\ntry:\n os.fstat({number})\nexcept OSError:\n print('closed')"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, check=True, close_fds=False, stdout=subprocess.PIPE)
    assert done.stdout == b"closed\n"
