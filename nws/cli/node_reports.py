"""What a check of machines has found out, as rows for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nws.sleigh.check.facts import Facts, Module
    from nws.sleigh.check.link import LinkFigures
    from nws.sleigh.check.nodes import NodeReport

__all__ = ["node_as_json", "node_as_row"]


def node_as_json(report: NodeReport) -> dict[str, Any]:
    """Return a report. What is not known has no key."""
    return {
        "node": report.node,
        "fits": not report.problems,
        "problems": list(report.problems),
        **(_facts_as_json(report.facts) if report.facts else {}),
        **(report.link._asdict() if report.link else {}),
    }


def _facts_as_json(facts: Facts) -> dict[str, Any]:
    modules = {name: module._asdict() for name, module in facts.modules.items()}
    return {**facts._asdict(), "modules": modules}


def node_as_row(report: NodeReport, modules: Sequence[str]) -> dict[str, Any]:
    """Return the row of a machine.

    Args:
        report: about it.
        modules: names of those that were asked for, which have columns.
    """
    return {
        "node": report.node,
        "fits": not report.problems,
        **_facts_row(report.facts, modules),
        **_link_row(report.link),
    }


def _facts_row(facts: Facts | None, modules: Sequence[str]) -> dict[str, Any]:
    columns = {f"module {name}": name for name in modules}
    if facts is None:
        return dict.fromkeys(("host", "python", "path", "nws", *columns, "free", "cores", "load"))
    return {
        "host": facts.host,
        "python": facts.python,
        "path": facts.path,
        "nws": facts.nws,
        **{column: _shown(facts.modules[name]) for column, name in columns.items()},
        "free": None if facts.free_bytes is None else f"{facts.free_bytes / 1e9:.1f} GB",
        "cores": facts.cores,
        "load": None if facts.load is None else f"{facts.load:.1f}",
    }


def _shown(module: Module) -> str:
    return "missing" if module.error else module.version or "yes"


def _link_row(link: LinkFigures | None) -> dict[str, Any]:
    if link is None:
        return dict.fromkeys(("latency", "to server", "from server", "clock"))
    return {
        "latency": f"{link.latency_seconds * 1000:.2f} ms",
        "to server": f"{link.up_bytes_per_second / 1e6:.1f} MB/s",
        "from server": f"{link.down_bytes_per_second / 1e6:.1f} MB/s",
        "clock": f"{link.clock_seconds * 1000:+.1f} ± {link.clock_error_seconds * 1000:.1f} ms",
    }
