"""The pods of one sleigh in a Kubernetes cluster: each submission is an indexed Job.

A pod that ends is not replaced by the cluster, but by the sleigh, with a further Job: the cluster
would also replace those that leave because the sleigh is to have fewer workers.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from nws.errors import SleighScriptException
from nws.sleigh.launch.batch_system import WAITING, JobKey, JobState
from nws.sleigh.launch.job_folder import JobOrder
from nws.sleigh.launch.job_queue import Slot
from nws.sleigh.launch.kubernetes_api import KubernetesApi, Thing
from nws.sleigh.launch.kubernetes_pod import INDEX_LABEL, JOB_LABEL, read_pod

__all__ = ["ORDER_FILE", "SLEIGH_LABEL", "KubernetesJobs"]

_log = logging.getLogger("nws")

ORDER_FILE: Final = "order.json"
"""In the Secret."""

SLEIGH_LABEL: Final = "nws-sleigh"
"""Of all Jobs and pods of a sleigh; its value is the name of the sleigh."""

_REMOVE_SECONDS: Final = 10.0
"""For each answer of the cluster, while a sleigh ends."""


class KubernetesJobs:
    """A `nws.sleigh.launch.job_queue.JobSystem`."""

    name = "kubernetes"
    first_index = 0

    def __init__(
        self,
        cluster: KubernetesApi,
        name: str,
        job: Callable[[int, int], Thing],
        order: JobOrder,
    ) -> None:
        """Begin without pods.

        Args:
            cluster: where.
            name: of the sleigh, for the cluster.
            job: makes the Job with a number, for this number of pods.
            order: what each pod is told, but for its slot.
        """
        self._cluster = cluster
        self._selector = f"{SLEIGH_LABEL}={name}"
        self._job = job
        self._order = order
        self._pods: dict[JobKey, str] = {}  # their names

    def submit(self, number: int, slots: Sequence[Slot], timeout: float) -> str:
        job = self._job(number, len(slots))
        name: str = job["metadata"]["name"]
        uid = self._cluster.create_job(job, timeout)["metadata"]["uid"]
        try:
            secret = _secret(name, uid, self._order._replace(jobs=slots))
            self._cluster.create_secret(secret, timeout)
        except BaseException:
            self._delete(name)
            raise
        return name

    def states(self, keys: Sequence[JobKey], timeout: float) -> Mapping[JobKey, JobState]:
        jobs = self._cluster.jobs(self._selector, timeout)
        pods = [read_pod(pod) for pod in self._cluster.pods(self._selector, timeout)]
        self._pods.update({pod.key: pod.name for pod in pods})
        states = {key: _without_pod(key[0]) for job in jobs for key in _open_keys(job)}
        return {**states, **{pod.key: pod.state for pod in pods}}

    def cancel(self, keys: Sequence[JobKey], timeout: float) -> None:
        indexes: defaultdict[str, list[str]] = defaultdict(list)
        for job, index in keys:
            indexes[job].append(str(index))
        for job, each in indexes.items():
            selector = f"{JOB_LABEL}={job},{INDEX_LABEL} in ({','.join(each)})"
            self._cluster.delete_pods(selector, timeout)

    def job_name(self, key: JobKey) -> str:
        return self._pods.get(key, f"{key[0]}-{key[1]}")

    def last_output(self, key: JobKey) -> str:
        return ""  # the state of a pod has it

    def remove(self) -> None:
        try:
            jobs = self._cluster.jobs(self._selector, _REMOVE_SECONDS)
        except SleighScriptException as error:
            self._say_what_is_left(error)
            return
        for job in jobs:
            self._delete(job["metadata"]["name"])

    def _delete(self, job: str) -> None:
        try:
            self._cluster.delete_job(job, _REMOVE_SECONDS)
        except SleighScriptException as error:
            self._say_what_is_left(error)

    def _say_what_is_left(self, error: SleighScriptException) -> None:
        command = f"kubectl delete job -l {self._selector}"
        _log.warning("kubernetes: Jobs cannot be deleted (%s); `%s` does that", error, command)


def _without_pod(job: str) -> JobState:
    return JobState(
        WAITING, "the cluster has made no pod", f"`kubectl describe job {job}` says why"
    )


def _open_keys(job: Thing) -> Iterator[JobKey]:
    """Return which pods of a Job have not ended; there need not be any yet."""
    status = job.get("status", {})
    if any(
        condition["type"] in ("Complete", "Failed") and condition["status"] == "True"
        for condition in status.get("conditions") or ()
    ):
        return
    ended = {*_indexes(status, "failedIndexes"), *_indexes(status, "completedIndexes")}
    for index in range(job["spec"]["completions"]):
        if index not in ended:
            yield job["metadata"]["name"], index


def _indexes(status: Mapping[str, Any], field: str) -> Iterator[int]:
    """Return indexes that are written as in ``1,3-5``."""
    for span in filter(None, (status.get(field) or "").split(",")):
        first, _, last = span.partition("-")
        yield from range(int(first), int(last or first) + 1)


def _secret(name: str, uid: str, order: JobOrder) -> dict[str, Any]:
    """Return the Secret of a Job, with which it goes."""
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "ownerReferences": [owner]},
        "stringData": {ORDER_FILE: json.dumps(order)},
    }
