"""How results are shown: a table for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, Final

from scripts.benchmarks.rounds import Comparison

_HEAD: Final = ("work", "ours", "other", "", "ratio", "[min..max]", "aim", "")
_FORMAT: Final = "{:<36} {:>9} {:>9}  {:<35} {:>6} {:<14} {:<7} {}"


def head() -> str:
    """Return the columns' names."""
    return _FORMAT.format(*_HEAD).rstrip()


def line(result: Comparison) -> str:
    """Return one line of the table."""
    ratios = result.ratios
    return _FORMAT.format(
        result.work,
        _duration(median(result.seconds)),
        _duration(median(result.other_seconds)),
        result.other,
        f"{median(ratios):.2f}",
        f"[{min(ratios):.2f}..{max(ratios):.2f}]",
        str(result.aim or ""),
        {True: "met", False: "MISSED", None: ""}[result.is_met],
    ).rstrip()


def summary(results: Sequence[Comparison]) -> str:
    """Count the aims that were met."""
    verdicts = [result.is_met for result in results if result.is_met is not None]
    return f"{sum(verdicts)} of {len(verdicts)} aims met"


def as_json(machine: Mapping[str, str], rows: Mapping[str, Sequence[Comparison]]) -> dict[str, Any]:
    """Return everything that was measured."""
    return {
        "machine": dict(machine),
        "rows": {name: list(map(_entry, results)) for name, results in rows.items()},
    }


def _entry(result: Comparison) -> dict[str, Any]:
    return {
        "work": result.work,
        "other": result.other,
        "ratio": median(result.ratios),
        "aim": None if result.aim is None else str(result.aim),
        "met": result.is_met,
        "seconds": result.seconds,
        "other_seconds": result.other_seconds,
    }


def _duration(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.2f} s"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.1f} ms"
    return f"{seconds * 1e6:.1f} us"
