"""How results are shown: a table for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, Final

from humanize import naturalsize

from scripts.benchmarks.rounds import Comparison, Failure, Result

_HEAD: Final = ("work", "ours", "other", "", "ratio", "[min..max]", "aim", "")
_FORMAT: Final = "{:<36} {:>9} {:>9}  {:<35} {:>6} {:<14} {:<7} {}"


def head() -> str:
    """Return the columns' names."""
    return _FORMAT.format(*_HEAD).rstrip()


def line(result: Result) -> str:
    """Return one line of the table."""
    if isinstance(result, Failure):
        return f"{result.work:<36} {result.who} FAILED: {result.reason}"
    ratios = result.ratios
    figure = _duration if result.unit == "s" else naturalsize
    return _FORMAT.format(
        result.work,
        figure(median(result.seconds)),
        figure(median(result.other_seconds)),
        result.other,
        _ratio(median(ratios)),
        f"[{_ratio(min(ratios))}..{_ratio(max(ratios))}]",
        str(result.aim or ""),
        {True: "met", False: "MISSED", None: ""}[result.is_met],
    ).rstrip()


def summary(results: Sequence[Result]) -> str:
    """Count the aims that were met, and what failed."""
    failures = sum(isinstance(result, Failure) for result in results)
    comparisons = (result for result in results if isinstance(result, Comparison))
    verdicts = [result.is_met for result in comparisons if result.is_met is not None]
    met = f"{sum(verdicts)} of {len(verdicts)} aims met"
    return f"{met}; {failures} failed" if failures else met


def as_json(machine: Mapping[str, str], rows: Mapping[str, Sequence[Result]]) -> dict[str, Any]:
    """Return everything that was measured."""
    return {
        "machine": dict(machine),
        "rows": {name: list(map(_entry, results)) for name, results in rows.items()},
    }


def _entry(result: Result) -> dict[str, Any]:
    if isinstance(result, Failure):
        return {"work": result.work, "failed": result.who, "reason": result.reason}
    return {
        "work": result.work,
        "other": result.other,
        "ratio": median(result.ratios),
        "aim": None if result.aim is None else str(result.aim),
        "met": result.is_met,
        "seconds": result.seconds,
        "other_seconds": result.other_seconds,
    }


def _ratio(ratio: float) -> str:
    """Format a ratio with as many digits as are significant."""
    return f"{ratio:.{0 if ratio >= 100 else 2 if ratio >= 0.1 else 3}f}"


def _duration(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.2f} s"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.1f} ms"
    if seconds >= 1e-6:
        return f"{seconds * 1e6:.1f} us"
    return f"{seconds * 1e9:.0f} ns"
