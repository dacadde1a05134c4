"""What a variable holds: one stored value and what the books know about it. Nothing else."""

from __future__ import annotations

from collections.abc import Sized
from typing import Final

OVERHEAD: Final = 200
"""Bytes of memory that a value costs beyond its payload, for the memory limit (CPython 3.11)."""


class Value:
    """A stored value. The space never looks into the payload.

    Attributes:
        descriptor: the writer's twenty digits, echoed to every reader.
        payload: bytes, or a body that lives elsewhere (a spool file) and frees itself when dropped.
        metadata: the framed dict that came with the store; empty if none did.
        size: length of the payload in bytes.
        weight: bytes of memory that this value costs, its metadata included.
        index: how many values its variable was given before it.
        attempt: how often it was leased and came back unsettled.
    """

    __slots__ = ("attempt", "descriptor", "index", "metadata", "payload", "size", "weight")

    def __init__(self, descriptor: bytes, payload: Sized, metadata: bytes = b"") -> None:
        self.descriptor = descriptor
        self.payload = payload
        self.metadata = metadata
        self.size = len(payload)
        self.weight = len(metadata) + OVERHEAD
        if payload.__class__ is bytes:
            self.weight += self.size
        self.index = 0
        self.attempt = 0
