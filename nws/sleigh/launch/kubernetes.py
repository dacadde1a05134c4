"""``launch="kubernetes"``: workers live in pods, see ``kubernetes_jobs.py``."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from nws.client import NetWorkSpace
from nws.errors import SleighIllegalValueException
from nws.sleigh.launch.elsewhere import checked_command, checked_number, slots_for
from nws.sleigh.launch.kubernetes_api import KubernetesApi
from nws.sleigh.launch.kubernetes_jobs import ORDER_FILE, SLEIGH_LABEL, KubernetesJobs
from nws.sleigh.launch.launcher import Launch, WorkerOptions
from nws.sleigh.launch.processes import Processes
from nws.sleigh.launch.queued_launch import QueuedLaunch
from nws.sleigh.shared.settings import Where

__all__ = ["Kubernetes"]

_ORDER_FOLDER: Final = "/var/run/nws"

_KEPT_SECONDS: Final = 60
"""A Job all of whose pods have ended."""

_MAX_PREFIX_CHARS: Final = 32
"""The names of pods are longer, and have to be parts of names of hosts."""


class Kubernetes:
    """Workers in the pods of a Kubernetes cluster."""

    is_local = is_by_hand = False
    name = "kubernetes"
    first_index = 0

    def __init__(
        self,
        *,
        image: str = "",
        namespace: str = "default",
        workers_per_pod: int = 1,
        resources: Mapping[str, Mapping[str, str]] | None = None,
        command: Sequence[str] = ("python",),
        service_account: str = "",
        pod: Mapping[str, Any] | None = None,
        container: Mapping[str, Any] | None = None,
        interface: str = "",
    ) -> None:
        """Choose what pods are made of.

        Args:
            image: with Python and this package.
            namespace: for all that is made.
            workers_per_pod: in each.
            resources: of each, as ``{"requests": {"cpu": "2"}, "limits": {"memory": "4Gi"}}``.
            command: that runs the image's Python.
            service_account: of the pods; by default that of the namespace.
            pod: further fields of the pods' ``spec``. They win over ours; lists are joined.
            container: likewise, of their container.
            interface: of this machine, by which workers reach the server; by default any.

        Raises:
            SleighIllegalValueException: there is no image, the command is no list, or a pod is to
                have no worker.
        """
        if not image:
            raise SleighIllegalValueException(
                "launch='kubernetes' needs an image with Python and this package: "
                "launch=Kubernetes(image=...), or --image"
            )
        self.namespace = namespace
        self.workers_each = checked_number("workers_per_pod", workers_per_pod)
        self.interface = interface
        self._image = image
        self._resources = resources
        self._command = checked_command(command)
        self._service_account = service_account
        self._pod = pod or {}
        self._container = container or {}

    def begin(self, options: WorkerOptions, processes: Processes) -> Launch:
        return _KubernetesLaunch(self, options, processes)

    def shown_script(self, workers: int) -> str:
        """Return the Job of a sleigh of this size, but for the name that it makes up."""
        pods = len(slots_for(workers, self.workers_each))
        return json.dumps(self.job("nws-sleigh-ride-0001", 1, pods), indent=2) + "\n"

    def job(self, sleigh: str, number: int, pods: int) -> dict[str, Any]:
        """Return a Job, whose pods read the Secret of the same name.

        Args:
            sleigh: its name for the cluster.
            number: of the Job.
            pods: their number.
        """
        name = f"{sleigh}-{number}"
        labels = {SLEIGH_LABEL: sleigh}
        container = {
            "name": "workers",
            "image": self._image,
            "command": self._command,
            "args": [
                *("-m", "nws.sleigh.launch.job", f"{_ORDER_FOLDER}/{ORDER_FILE}"),
                *("$(JOB_COMPLETION_INDEX)", "$(POD_NAME)"),
            ],
            "env": [
                {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
            ],
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "volumeMounts": [{"name": "nws", "mountPath": _ORDER_FOLDER, "readOnly": True}],
            **({"resources": self._resources} if self._resources else {}),
        }
        spec = {
            "restartPolicy": "Never",
            **({"serviceAccountName": self._service_account} if self._service_account else {}),
            "volumes": [{"name": "nws", "secret": {"secretName": name}}],
            "containers": [_with(container, self._container)],
        }
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name, "labels": labels},
            "spec": {
                "completionMode": "Indexed",
                "completions": pods,
                "parallelism": pods,
                "backoffLimitPerIndex": 0,
                "ttlSecondsAfterFinished": _KEPT_SECONDS,
                "template": {"metadata": {"labels": labels}, "spec": _with(spec, self._pod)},
            },
        }


def _with(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Return our fields and the user's."""
    joined = {
        key: [*ours[key], *value]
        for key, value in theirs.items()
        if isinstance(value, list) and isinstance(ours.get(key), list)
    }
    return {**ours, **theirs, **joined}


class _KubernetesLaunch(QueuedLaunch[Kubernetes]):
    def __init__(self, launcher: Kubernetes, options: WorkerOptions, processes: Processes) -> None:
        super().__init__(launcher, options, processes)
        self._cluster = KubernetesApi(launcher.namespace)

    def jobs(self, where: Where, workspace: NetWorkSpace) -> KubernetesJobs:
        prefix = re.sub("[^a-z0-9]+", "-", where.workspace.lower())[:_MAX_PREFIX_CHARS].strip("-")
        name = f"nws-{prefix}-{secrets.token_hex(4)}"
        job = partial(self._launcher.job, name)
        return KubernetesJobs(self._cluster, name, job, self._order(where, workspace))
