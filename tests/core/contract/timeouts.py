"""Waits that end by time, and when the space asks to be woken."""

from __future__ import annotations

import pytest

from nws.errors import Status
from nws_server.core.space import Cookie, Space
from tests.support.clients import Company


class Alarm:
    """Does as the contract asks of callers, and notes whether it would wake too late."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self.set_for: float | None = None
        space.on_earlier_deadline = self._set

    def _set(self, when: float) -> None:
        self.set_for = when

    def check(self) -> None:
        """The space may not have anything to do before the alarm."""
        due = self._space.next_deadline()
        assert due is None or (self.set_for is not None and self.set_for <= due)

    def ring(self) -> None:
        """Let it be the time the alarm is set for."""
        assert self.set_for is not None
        self._space.now = max(self._space.now, self.set_for)
        self._space.expire()
        self.set_for = self._space.next_deadline()


class TimeoutContract:
    """What `Space` promises of timeouts, `next_deadline` and `expire`."""

    @pytest.mark.parametrize("start", [0.0, 1e6, -5.0])
    def test_wait_ends_at_its_time_and_not_before(self, company: Company, start: float) -> None:
        client = company.client()
        company.space.now = start
        answers = [
            client.find(b"x", wait=True, timeout=2),
            client.fetch(b"x", wait=True, timeout=2),
            client.take(b"x", 3, wait=True, timeout=2),
            client.lease(b"x", 3, wait=True, timeout=2),
            client.find(b"x", wait=True, cookie=Cookie(b"", 0), timeout=2),
        ]
        assert company.space.next_deadline() == start + 2
        company.pass_time(1.75)
        assert all(answer.waits for answer in answers)
        company.pass_time(0.25)
        assert {answer.status for answer in answers} == {Status.TIMED_OUT}
        assert company.space.next_deadline() is None
        assert client.list_vars().listing == b"x\t0\t0\t0\tunknown"

    def test_wait_without_a_timeout_does_not_end(self, company: Company) -> None:
        client = company.client()
        waiting = client.find(b"x", wait=True)
        assert company.space.next_deadline() is None
        company.pass_time(1e9)
        assert waiting.waits

    def test_without_waiting_a_timeout_means_nothing(self, company: Company) -> None:
        client = company.client()
        assert client.fetch(b"x", timeout=5).status == Status.NO_VALUE
        assert company.space.next_deadline() is None

    def test_no_time_to_wait_fails_at_once_unless_a_value_is_there(self, company: Company) -> None:
        client = company.client()
        assert client.fetch(b"x", wait=True, timeout=0).status == Status.TIMED_OUT
        assert client.list_vars().listing == b"x\t0\t0\t0\tunknown"
        client.store(b"x", b"1")
        assert client.fetch(b"x", wait=True, timeout=0).payload == b"1"

    def test_served_in_time_it_is_not_answered_again(self, company: Company) -> None:
        client = company.client()
        finder = client.find(b"x", wait=True, timeout=2)
        fetcher = client.fetch(b"x", wait=True, timeout=2)
        client.store(b"x", b"1")
        assert company.space.next_deadline() is None
        company.pass_time(5)
        assert (finder.payload, fetcher.payload) == (b"1", b"1")

    def test_cancelled_in_time_it_is_not_answered(self, company: Company) -> None:
        client = company.client()
        waiting = client.fetch(b"x", wait=True, timeout=2)
        client.cancel(waiting)
        assert company.space.next_deadline() is None
        company.pass_time(5)
        assert waiting.waits

    def test_who_timed_out_gets_no_later_value(self, company: Company) -> None:
        client = company.client()
        late = client.fetch(b"x", wait=True, timeout=1)
        patient = client.fetch(b"x", wait=True)
        company.pass_time(1)
        client.store(b"x", b"1")
        assert late.status == Status.TIMED_OUT
        assert patient.payload == b"1"

    def test_timeouts_end_in_the_order_of_their_times(self, company: Company) -> None:
        client = company.client()
        answers = [client.fetch(b"x", wait=True, timeout=seconds) for seconds in (3, 1, 2)]
        company.pass_time(9)
        assert company.order(*answers) == [answers[1], answers[2], answers[0]]

    def test_who_times_out_changes_nothing_for_the_others(self, company: Company) -> None:
        client = company.client()
        answers = [client.fetch(b"x", wait=True, timeout=seconds) for seconds in (9, 1, 9)]
        company.pass_time(1)
        client.store(b"x", b"1", b"2")
        assert (answers[0].payload, answers[2].payload) == (b"1", b"2")

    def test_next_deadline_is_the_earliest(self, company: Company) -> None:
        client = company.client()
        client.store(b"y", b"1")
        client.find(b"x", wait=True, timeout=7)
        lease = client.lease(b"y", seconds=5)
        sooner = client.find(b"x", wait=True, timeout=3)
        assert company.space.next_deadline() == 3
        client.cancel(sooner)
        assert company.space.next_deadline() == 5
        client.settle(lease.lease_ids)
        assert company.space.next_deadline() == 7

    def test_callback_tells_of_every_earlier_deadline(self, company: Company) -> None:
        told: list[float] = []
        company.space.on_earlier_deadline = told.append
        client = company.client()
        for seconds in (9, 9, 12, 4):
            client.find(b"x", wait=True, timeout=seconds)
        client.store(b"y", b"1")
        lease = client.lease(b"y", seconds=3).lease_ids
        client.renew(lease, 20)
        client.renew(lease, 2)
        assert told == [9, 4, 3, 2]

    def test_alarm_set_by_the_callback_never_rings_too_late(self, company: Company) -> None:
        alarm = Alarm(company.space)
        client = company.client()
        client.store(b"y", b"1", b"2", b"3")
        lease = client.lease(b"y", 3, seconds=4)
        waiting = [client.find(b"x", wait=True, timeout=seconds) for seconds in (2, 6, 3, 1)]
        alarm.check()
        client.cancel(waiting[3])
        waiting.append(client.find(b"x", wait=True, timeout=1.5))
        alarm.check()
        client.settle(lease.lease_ids[:1])
        client.renew(lease.lease_ids[1:2], 5)
        client.renew(lease.lease_ids[2:], 1.25)
        alarm.check()
        for _ in range(20):
            if company.space.next_deadline() is None:
                break
            alarm.check()
            alarm.ring()
        statuses = [answer.status for answer in (*waiting[:3], waiting[4])]
        assert statuses == [Status.TIMED_OUT] * 4
        assert client.take(b"y", 9).payloads == [b"2", b"3"]

    def test_expire_before_anything_is_due_does_nothing(self, company: Company) -> None:
        client = company.client()
        client.store(b"y", b"1")
        lease = client.lease(b"y", seconds=5)
        waiting = client.find(b"x", wait=True, timeout=5)
        for _ in range(3):
            company.space.expire()
        assert waiting.waits
        assert client.settle(lease.lease_ids).succeeded

    def test_lease_that_ends_serves_who_waits(self, company: Company) -> None:
        client, other = company.clients(2)
        client.store(b"x", b"1")
        client.lease(b"x", seconds=2)
        waiting = other.fetch(b"x", wait=True, timeout=3)
        company.pass_time(2)
        assert waiting.payload == b"1"
        company.pass_time(2)
