"""What a client says about values that it was delivered: that it has them, or that they go back."""

from __future__ import annotations

from typing import Final

from nws.wire.replies import Answer
from nws.wire.requests import encode_request

__all__ = ["ACK", "CANCEL", "NACK", "are_leased", "release_fields"]

ACK: Final = encode_request([b"ack"])
NACK: Final = encode_request([b"nack"])
CANCEL: Final = encode_request([b"cancel"])


def are_leased(answer: Answer) -> bool:
    """Tell whether the values of an answer are leased: then the server keeps track of them, and
    there is nothing to acknowledge."""
    items = answer.items
    return bool(items) and items[0].lease != 0


def release_fields(answer: Answer, *, blame: bool) -> list[bytes]:
    """Return the request that gives the leased values of an answer back.

    Args:
        answer: with the leases.
        blame: count this as an attempt at the values.
    """
    ids = b" ".join(b"%d" % item.lease for item in answer.items)
    return [b"release", ids, b"yes" if blame else b"no"]
