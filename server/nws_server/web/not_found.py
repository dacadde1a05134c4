"""The error for something that does not exist."""

from __future__ import annotations

__all__ = ["NotFound"]


class NotFound(Exception):
    """The subject of a page does not exist, or no longer; the message says what."""
