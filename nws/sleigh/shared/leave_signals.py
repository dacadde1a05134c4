"""The signals by which batch systems say that a job has to end, and for which workers leave."""

from __future__ import annotations

import signal
from typing import Final

__all__ = ["LEAVE_SIGNALS"]

LEAVE_SIGNALS: Final = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGUSR1", "SIGUSR2") if hasattr(signal, name)
)
