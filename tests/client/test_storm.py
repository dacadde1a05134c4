"""A handler of a signal that raises at random moments: the session stays in step, no value is lost.

A fetch or lease that was struck has no effect. A store or settle that was struck has happened or
not; that is all the docs allow. What was fetched is known for sure as long as nothing can strike
between the return of the call and the list in which the value is kept. A plain
``x = ws.fetch("x")`` can be struck right there, which no library can help; leases can.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.support.programs import output_of
from tests.support.server import running


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "rounds"),
    [(0, 2000), *(pytest.param(n, 4000, marks=pytest.mark.nightly) for n in range(1, 4))],
)
def test_every_value_is_accounted_for(tmp_path: Path, seed: int, rounds: int) -> None:
    with running(tmp_path) as server:
        books = json.loads(output_of("client/programs/storm.py", server.port, seed, rounds))
    # How many there are depends on the machine. More than this prove it; none would prove nothing.
    assert books["strikes"] > rounds / 200
    assert len(books["got"]) > rounds / 200
    seen = Counter(books["got"] + books["left"])
    assert not [number for number, times in seen.items() if times > 1], "doubled"
    assert not set(books["stored"]) - set(seen), "lost"
    assert not set(seen) - set(books["stored"] + books["doubtful"]), "never stored"
    assert (books["status"]["leases"], books["status"]["waiting"]) == (0, 0)
    if sys.version_info >= (3, 11):  # see `nws.session.pool`
        assert books["status"]["connections"] == 1
