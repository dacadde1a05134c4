"""A Job in a Kubernetes cluster: created, watched by a thread of its own, and deleted in the end.

The cluster replaces pods that fail, with the same place in the Job. What people should know (pods
that wait, have failed or were evicted) is logged once and told to the sleigh's page.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from nws.errors import SleighScriptException
from nws.sleigh.launch.batch_system import ENDED, RUNNING, WAITING
from nws.sleigh.launch.kubernetes_api import KubernetesApi, Thing
from nws.sleigh.launch.kubernetes_pod import Pod, read_pod

__all__ = ["KubernetesJob"]

_log = logging.getLogger("nws")

_LOOK_SECONDS: Final = 2.0
"""Between questions about the Job."""

_NO_PODS_SECONDS: Final = 10.0
"""After which people are told that the Job has no pods."""

_GONE: Final = "it was deleted"


class KubernetesJob:
    """A Job and its Secret; a `nws.sleigh.launch.processes.Process`."""

    def __init__(
        self,
        cluster: KubernetesApi,
        job: Thing,
        secret: Thing,
        publish: Callable[[list[dict[str, Any]]], None],
    ) -> None:
        """Create it.

        Args:
            cluster: where.
            job: to be created.
            secret: likewise; the Job is made its owner, so it goes with that.
            publish: is told of all pods when something has changed. It may not raise.

        Raises:
            SleighScriptException: the cluster refuses, or does not answer.
        """
        self._cluster = cluster
        self._publish = publish
        self._name: str = job["metadata"]["name"]
        self._status: int | None = None
        self._words = ""
        self._began = time.monotonic()
        self._pods: Sequence[Pod] = ()
        self._said: set[str] = set()
        self._stopped = threading.Event()
        try:
            self._create(job, secret)
        except SleighScriptException as error:
            raise SleighScriptException(f"kubernetes: no Job can be made: {error}") from error
        threading.Thread(target=self._run, name="nws kubernetes job", daemon=True).start()

    def _create(self, job: Thing, secret: Thing) -> None:
        uid = self._cluster.create_job(job)["metadata"]["uid"]
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": self._name, "uid": uid}
        try:
            metadata = {**secret["metadata"], "ownerReferences": [owner]}
            self._cluster.create_secret({**secret, "metadata": metadata})
        except BaseException:
            self._delete()
            raise

    @property
    def status(self) -> int | None:
        return self._status

    @property
    def is_waiting(self) -> bool:
        return any(pod.kind == WAITING for pod in self._pods)

    def last_output(self) -> str:
        return self._words

    def request_end(self) -> None:
        pass  # the sleigh is over, and supervisors know

    def wait(self, grace: float) -> None:
        self._stopped.set()
        self._delete()

    def kill(self) -> bool:
        return False

    def _delete(self) -> None:
        try:
            self._cluster.delete_job(self._name)
        except SleighScriptException as error:
            _log.warning(
                "kubernetes: the Job %s cannot be deleted (%s); `kubectl delete job %s` does that",
                self._name,
                error,
                self._name,
            )

    # The thread

    def _run(self) -> None:
        while self._status is None and not self._stopped.wait(_LOOK_SECONDS):
            try:
                job = self._cluster.find_job(self._name)
                pods = [read_pod(pod) for pod in self._cluster.pods(self._name)]
            except SleighScriptException as error:
                self._say(f"kubernetes does not tell about the Job {self._name}: {error}")
                continue
            if not self._stopped.is_set():
                self._note(job, pods)

    def _note(self, job: Thing | None, pods: Sequence[Pod]) -> None:
        if job is not None:
            self._say_who_waits(pods)
            self._say_who_has_ended(pods)
        if pods != self._pods:
            self._pods = pods
            self._publish([_described(pod) for pod in pods])
        self._status, self._words = _end_of(job, pods)

    def _say_who_waits(self, pods: Sequence[Pod]) -> None:
        if not pods and time.monotonic() - self._began > _NO_PODS_SECONDS:
            self._say(
                f"kubernetes has made no pods yet: `kubectl describe job {self._name}` says why"
            )
        reasons = {pod.reason: pod.why for pod in pods if pod.kind == WAITING and pod.reason}
        for reason, why in reasons.items():
            count = sum(pod.kind == WAITING and pod.reason == reason for pod in pods)
            self._say(f"kubernetes: {count} of {len(pods)} pods wait: {why}", once_for=reason)

    def _say_who_has_ended(self, pods: Sequence[Pod]) -> None:
        known = {pod.name for pod in self._pods if pod.kind == ENDED}
        gone = {pod.name for pod in self._pods if pod.kind == RUNNING} - {pod.name for pod in pods}
        ended = [(pod.why, pod.name) for pod in pods if pod.has_failed and pod.name not in known]
        ended += [(_GONE, name) for name in gone]
        for why in sorted({why for why, _ in ended}):
            names = ", ".join(sorted(name for reason, name in ended if reason == why))
            self._say(f"kubernetes: pods have ended early ({why}): {names}")

    def _say(self, text: str, *, once_for: str = "") -> None:
        if (once_for or text) not in self._said:
            self._said.add(once_for or text)
            _log.warning("%s", text)


def _end_of(job: Thing | None, pods: Sequence[Pod]) -> tuple[int | None, str]:
    """Return with which exit status a Job has ended, None if it has not, and why.

    It has, too, when all its pods have failed: the cluster would make longer and longer pauses.
    """
    failed = [pod for pod in pods if pod.has_failed]
    status = failed[-1].status if failed else 1
    if job is None:
        return status, _GONE
    for condition in job.get("status", {}).get("conditions", ()):
        if condition["status"] == "True" and condition["type"] in ("Complete", "Failed"):
            words = [
                condition.get("reason"),
                condition.get("message"),
                *(pod.why for pod in failed),
            ]
            said = "; ".join(word for word in dict.fromkeys(words) if word)
            return (status if condition["type"] == "Failed" else 0), said
    if failed and all(pod.kind == ENDED for pod in pods):
        return status, "; ".join(dict.fromkeys(pod.why for pod in failed))
    return None, ""


def _described(pod: Pod) -> dict[str, Any]:
    return {"id": pod.place, "job": pod.name, "state": pod.kind, "reason": pod.why}
