"""The states of pods, read from what the API of Kubernetes says: pure rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from nws.sleigh.launch.batch_system import ENDED, RUNNING, WAITING
from nws.sleigh.shared.exit_status import LEFT, name_of_end

__all__ = ["Pod", "read_pod"]

_INDEX: Final = "batch.kubernetes.io/job-completion-index"

_KILLED: Final = -15
"""The exit status of a pod that has none: the cluster has ended it."""

_MAX_EXIT_STATUS: Final = 128
"""Greater ones are signals."""

_ON_THE_WAY: Final = ("ContainerCreating", "PodInitializing")
"""Reasons of a container that waits as each does."""

_NO_REASONS: Final = ("Error", "Completed")
"""Of a container that has ended: its exit status says more."""


class Pod(NamedTuple):
    """A pod, in which one supervisor lives."""

    name: str
    place: str
    """Its index in the Job."""
    kind: str
    """`WAITING`, `RUNNING` or `ENDED`."""
    reason: str = ""
    """Why it waits or has ended, in the words of Kubernetes."""
    details: str = ""
    """More about that."""
    status: int = 0
    """The exit status, if it has ended; the number of a signal, negative."""

    @property
    def has_failed(self) -> bool:
        """Whether it has ended otherwise than it should."""
        return self.kind == ENDED and self.status not in (0, LEFT)

    @property
    def why(self) -> str:
        """The reason and all that is known about it."""
        return ": ".join(filter(None, (self.reason, self.details)))


def read_pod(pod: Mapping[str, Any]) -> Pod:
    """Return the state of a pod.

    Args:
        pod: as the API sends it.
    """
    metadata, status = pod["metadata"], pod.get("status", {})
    known = metadata["name"], metadata.get("annotations", {}).get(_INDEX, "")
    containers = status.get("containerStatuses") or [{}]
    container = containers[0].get("state", {})
    phase = status.get("phase")
    if phase in ("Succeeded", "Failed") or "deletionTimestamp" in metadata:
        return _ended(Pod(*known, ENDED), status, container.get("terminated", {}))
    if phase == "Running":
        return Pod(*known, RUNNING)
    waiting = container.get("waiting", {})
    if waiting.get("reason", _ON_THE_WAY[0]) not in _ON_THE_WAY:
        return Pod(*known, WAITING, waiting["reason"], waiting.get("message", ""))
    unplaced = _condition(status, "PodScheduled", "False")
    return Pod(*known, WAITING, unplaced.get("reason", ""), unplaced.get("message", ""))


def _ended(pod: Pod, status: Mapping[str, Any], container: Mapping[str, Any]) -> Pod:
    disruption = _condition(status, "DisruptionTarget", "True")
    code = container.get("exitCode", 0 if status.get("phase") == "Succeeded" else _KILLED)
    code = _MAX_EXIT_STATUS - code if code > _MAX_EXIT_STATUS else code
    container_reason = container.get("reason", "")
    reasons = [
        status.get("reason") or disruption.get("reason", ""),
        "" if container_reason in _NO_REASONS else container_reason,
        name_of_end(code) if container else "",
    ]
    messages = [status.get("message") or disruption.get("message", ""), container.get("message")]
    return pod._replace(
        reason=_joined(", ", reasons) or "deleted",
        details=_joined("; ", messages).strip(),
        status=code,
    )


def _condition(status: Mapping[str, Any], type: str, value: str) -> Mapping[str, Any]:
    found = (
        condition
        for condition in status.get("conditions", ())
        if condition["type"] == type and condition["status"] == value
    )
    return next(found, {})


def _joined(separator: str, texts: Iterable[str | None]) -> str:
    return separator.join(text for text in texts if text)
