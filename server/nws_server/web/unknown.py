"""Something that is not there, or not any more."""

from __future__ import annotations

__all__ = ["Unknown"]


class Unknown(Exception):
    """A page is about something that does not exist; the message says what."""
