"""Presence: who is there, and what is left of who is not."""

from __future__ import annotations

from nws.client import NetWorkSpace
from nws.workspace.presence import Presence, gone_of, ids_of_gone, ids_of_present
from tests.support.server import PATIENCE
from tests.support.spaces import Opener


def seen(ws: NetWorkSpace) -> tuple[list[str], list[str]]:
    """Return the ids of those that are there, and of those that were."""
    listing = ws.listVars(format="dict")
    assert isinstance(listing, dict)
    return ids_of_present(listing), ids_of_gone(listing)


def test_it_is_there_until_it_leaves(opened: Opener) -> None:
    ws = opened()
    presence = Presence(ws, "a", ["the will"], 1000.0)
    assert seen(ws) == (["a"], [])
    presence.leave()
    assert seen(ws) == ([], ["a"])
    assert ws.find(gone_of("a"), timeout=0) == ["the will"]
    presence.leave()  # once more does no harm


def test_another_one_takes_its_place(opened: Opener) -> None:
    ws = opened()
    Presence(ws, "a", "first", 1000.0).leave()
    second = Presence(ws, "a", "second", 1000.0)
    assert seen(ws) == (["a"], [])
    second.leave()
    assert ws.find(gone_of("a"), timeout=0) == "second"


def test_the_end_of_its_session_is_its_end(opened: Opener) -> None:
    ws = opened()
    other = opened()
    Presence(other, "a", "the will", 1000.0)
    other.server.close()
    assert ws.find(gone_of("a"), timeout=PATIENCE) == "the will"


def test_one_that_was_silent_for_too_long_is_gone_until_it_renews(opened: Opener) -> None:
    ws = opened()
    presence = Presence(ws, "a", "the will", 0.001)
    assert ws.find(gone_of("a"), timeout=PATIENCE) == "the will"
    presence.duration = 1000.0
    presence.renew()
    assert seen(ws) == (["a"], [])
    presence.renew()
    assert seen(ws) == (["a"], [])
