"""Tickets: each opens the inspector in one browser, once and soon, in place of its key.

Whoever knows the key can make one. It is the second of the epoch at which it expires, a nonce, and
a proof of both by the key; with dots between them.
"""

from __future__ import annotations

import time
from typing import Final

from nws.wire.login import is_proof, new_nonce, proofs

__all__ = ["TICKET_SECONDS", "UsedTickets", "new_ticket"]

TICKET_SECONDS: Final = 60
"""For a browser to start, and to come."""

_PURPOSE: Final = "nws-ticket-1"


def new_ticket(key: str) -> str:
    """Make a ticket by this key, for the next minute."""
    said = f"{int(time.time()) + TICKET_SECONDS}.{new_nonce()}"
    return f"{said}.{proofs(key, _PURPOSE, said)[0].decode()}"


class UsedTickets:
    """The tickets by one key that were brought."""

    def __init__(self, key: str) -> None:
        """Begin with none."""
        self._key = key
        self._expiries: dict[str, int] = {}

    def accept(self, ticket: str) -> bool:
        """Tell whether a ticket is right and brought in time and for the first time."""
        said, _, proof = ticket.rpartition(".")
        if not self._key or not is_proof(proof.encode(), proofs(self._key, _PURPOSE, said)[0]):
            return False
        now = time.time()
        for each in [each for each, expiry in self._expiries.items() if expiry < now]:
            del self._expiries[each]
        expiry = int(said.partition(".")[0])
        if expiry < now or said in self._expiries:
            return False
        self._expiries[said] = expiry
        return True
