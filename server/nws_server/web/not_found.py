"""Something that is not there, or not any more."""

from __future__ import annotations

__all__ = ["NotFound"]


class NotFound(Exception):
    """A page is about something that does not exist; the message says what."""
