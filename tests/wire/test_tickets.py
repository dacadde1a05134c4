"""Tickets to the inspector."""

from __future__ import annotations

import time

import pytest

from nws.wire.tickets import TICKET_SECONDS, UsedTickets, new_ticket

KEY = "what-only-its-owner-knows"


def test_a_ticket_is_good_once() -> None:
    used = UsedTickets(KEY)
    ticket, another = new_ticket(KEY), new_ticket(KEY)
    assert KEY not in ticket
    assert used.accept(ticket)
    assert not used.accept(ticket)
    assert used.accept(another)


def test_a_ticket_is_good_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000_000.0
    monkeypatch.setattr(time, "time", lambda: now)
    used = UsedTickets(KEY)
    in_time, late = new_ticket(KEY), new_ticket(KEY)
    now += TICKET_SECONDS
    assert used.accept(in_time)
    now += 1
    assert not used.accept(late)
    assert not used.accept(in_time), "it is forgotten, but late"
    assert used.accept(new_ticket(KEY))
    assert len(used._expiries) == 1


@pytest.mark.parametrize("key", ["another key", ""])
def test_it_is_made_by_the_key(key: str) -> None:
    assert not UsedTickets(key).accept(new_ticket(KEY))
    assert not UsedTickets(KEY).accept(new_ticket(key))


@pytest.mark.parametrize("text", ["", ".", "..", "x", "1.x", "é.é.é", "\0", "9" * 10_000])
def test_what_is_no_ticket(text: str) -> None:
    assert not UsedTickets(KEY).accept(text)
    assert not UsedTickets("").accept(text)


def test_the_time_cannot_be_changed() -> None:
    expiry, _, rest = new_ticket(KEY).partition(".")
    assert not UsedTickets(KEY).accept(f"{int(expiry) + 1}.{rest}")
