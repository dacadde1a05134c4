"""The states of pods, read from what the API of Kubernetes says: pure rules."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from nws.errors import SleighScriptException
from nws.sleigh.launch.batch_system import ENDED, RUNNING, WAITING, JobKey, JobState
from nws.sleigh.shared.exit_status import name_of_end

__all__ = ["INDEX_LABEL", "JOB_LABEL", "Pod", "read_pod"]

JOB_LABEL: Final = "batch.kubernetes.io/job-name"
INDEX_LABEL: Final = "batch.kubernetes.io/job-completion-index"

_MAX_EXIT_STATUS: Final = 128
"""Greater ones are signals."""

_KILLED: Final = _MAX_EXIT_STATUS + signal.SIGTERM
"""The exit status of a container that has none: the cluster has ended it."""

_ON_THE_WAY: Final = ("ContainerCreating", "PodInitializing")
"""Reasons of a container that waits as each does."""

_NO_REASONS: Final = ("Error", "Completed")
"""Of a container that has ended: its exit status says more."""


class Pod(NamedTuple):
    """A pod, in which one supervisor lives."""

    name: str
    key: JobKey
    state: JobState


def read_pod(pod: Mapping[str, Any]) -> Pod:
    """Return what is known of a pod.

    Args:
        pod: as the API sends it.

    Raises:
        SleighScriptException: nothing says which of its Job it is.
    """
    metadata, status = pod["metadata"], pod.get("status", {})
    labels = metadata["labels"]
    if INDEX_LABEL not in labels:
        raise SleighScriptException(
            f"the pod {metadata['name']} has no label {INDEX_LABEL}: Kubernetes is older than 1.29"
        )
    key = labels[JOB_LABEL], int(labels[INDEX_LABEL])
    is_deleted = "deletionTimestamp" in metadata
    return Pod(metadata["name"], key, _state(status, is_deleted=is_deleted))


def _state(status: Mapping[str, Any], *, is_deleted: bool) -> JobState:
    containers = status.get("containerStatuses") or [{}]
    container = containers[0].get("state", {})
    phase = status.get("phase")
    if phase in ("Succeeded", "Failed") or is_deleted:
        return _ended(status, container.get("terminated", {}))
    if phase == "Running":
        return JobState(RUNNING)
    waiting = container.get("waiting", {})
    if waiting.get("reason", _ON_THE_WAY[0]) not in _ON_THE_WAY:
        return JobState(WAITING, waiting["reason"], waiting.get("message", ""))
    unplaced = _condition(status, "PodScheduled", "False")
    return JobState(WAITING, unplaced.get("reason", ""), unplaced.get("message", ""))


def _ended(status: Mapping[str, Any], container: Mapping[str, Any]) -> JobState:
    disruption = _condition(status, "DisruptionTarget", "True")
    code = container.get("exitCode", 0 if status.get("phase") == "Succeeded" else _KILLED)
    is_killed = code > _MAX_EXIT_STATUS
    container_reason = container.get("reason", "")
    reasons = [
        status.get("reason") or disruption.get("reason", ""),
        "" if container_reason in _NO_REASONS else container_reason,
        name_of_end(_MAX_EXIT_STATUS - code) if is_killed and container else "",
    ]
    messages = [status.get("message") or disruption.get("message", ""), container.get("message")]
    return JobState(
        ENDED,
        _joined(", ", reasons) or ("deleted" if is_killed else ""),
        _joined("; ", messages).strip(),
        None if is_killed else code,
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
