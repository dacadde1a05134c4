"""Who waits for a job receives its result."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from nws import pp
from tests.support import strikes
from tests.support.deadly import times_ten
from tests.support.processes import until
from tests.support.strikes import struck


class Reader:
    """Becomes the number of the thread by which it is unpickled."""

    def __reduce__(self) -> Any:
        return threading.get_ident, ()


def test_who_waits_receives(job_server: pp.Server) -> None:
    this = threading.get_ident()
    until(lambda: job_server.submit(Reader)() == this, "a thread that receives")
    assert job_server.submit(times_ten, (4,))() == 40
    assert job_server.submit(print, ("something",))() is None


def test_callbacks_run_on_a_thread_of_the_server(job_server: pp.Server) -> None:
    test_who_waits_receives(job_server)
    called: list[int] = []
    jobs = [
        job_server.submit(times_ten, (n,), callback=lambda _: called.append(threading.get_ident()))
        for n in range(3)
    ]
    assert [job() for job in jobs] == [0, 10, 20]
    assert len(called) == 3
    assert threading.get_ident() not in called


def test_ctrl_c_at_each_moment_of_a_wait(
    job_server: pp.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends the wait and not the job. Moments in conditions of the standard library are left out:
    there it may leave a lock locked."""
    monkeypatch.setattr(strikes, "_NEVER", (*strikes._NEVER, "threading"))
    test_who_waits_receives(job_server)
    count = 0
    for moment in range(120):
        job = job_server.submit(times_ten, (4,))
        _, was_struck = struck(moment, lambda job: job.wait(), job)
        count += was_struck
        assert job() == 40, moment
        assert job_server.submit(times_ten, (5,))() == 50, moment
    assert count > 30
    job_server.wait()
