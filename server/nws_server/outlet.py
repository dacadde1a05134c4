"""Where the bytes of a connection go."""

from __future__ import annotations

from typing import Protocol

from nws.wire.requests import LongBody


class Outlet(Protocol):
    """Where a connection's bytes go; the net's side of it."""

    def write(self, data: bytes) -> None:
        """Send bytes, after all that was written before."""

    def write_body(self, body: LongBody) -> None:
        """Send a body that is not in memory, likewise."""

    def expect(self, much: bool) -> None:
        """Receive in large pieces, or in small ones again."""

    def pause_reading(self) -> None:
        """Receive nothing more for a while."""

    def resume_reading(self) -> None:
        """Receive again."""

    def close(self) -> None:
        """Send what was written and hang up."""

    def admit(self) -> None:
        """Let the connection stay, although there are too many."""

    def limit_silence(self, seconds: int) -> None:
        """Hang up when the client's machine does not answer for this time, if not earlier."""
