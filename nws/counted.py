"""Numbers with a noun behind them, for messages."""

from __future__ import annotations

__all__ = ["counted"]


def counted(number: float, noun: str) -> str:
    """Return a number and the noun that it counts: ``1 second``, ``0.5 seconds``, ``3 seconds``.

    Args:
        number: is shown with six digits if it is no int.
        noun: in the singular; its plural ends in an s.
    """
    shown = str(number) if isinstance(number, int) else f"{number:g}"
    return f"{shown} {noun}{'' if number == 1 else 's'}"
