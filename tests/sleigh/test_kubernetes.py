"""What is said to Kubernetes, and what it answers, as data."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from nws.errors import SleighIllegalValueException, SleighScriptException
from nws.sleigh import Sleigh
from nws.sleigh.launch.batch_system import ENDED, RUNNING, WAITING, JobState
from nws.sleigh.launch.kubernetes import Kubernetes
from nws.sleigh.launch.kubernetes_jobs import KubernetesJobs
from nws.sleigh.launch.kubernetes_pod import read_pod
from tests.support.server import ROOT


def test_the_page_has_the_job() -> None:
    launcher = Kubernetes(
        image="registry.example.org/lab:1",
        namespace="lab",
        workers_per_pod=4,
        resources={"requests": {"cpu": "4", "memory": "8Gi"}},
        service_account="worker",
        pod={"nodeSelector": {"disk": "fast"}},
        container={"env": [{"name": "OMP_NUM_THREADS", "value": "1"}]},
    )
    page = (ROOT / "docs/launchers/kubernetes.md").read_text()
    assert re.findall(r"```json\n(.*?)```", page, re.DOTALL) == [launcher.shown_script(8)]


def test_fields_of_the_user() -> None:
    """Lists are joined; others win over ours."""
    volume = {"name": "data", "emptyDir": {}}
    pod = {"volumes": [volume], "restartPolicy": "OnFailure"}
    made = Kubernetes(image="x", pod=pod).job("name", 1, 1)
    spec = made["spec"]["template"]["spec"]
    assert [each["name"] for each in spec["volumes"]] == ["nws", "data"]
    assert spec["restartPolicy"] == "OnFailure"


LABELS = {"batch.kubernetes.io/job-name": "a", "batch.kubernetes.io/job-completion-index": "3"}


def pod(phase: str, state: dict[str, Any] | None = None, **status: Any) -> JobState:
    """Return what is read of a pod whose container has this state."""
    if state is not None:
        status["containerStatuses"] = [{"state": state}]
    metadata = {"name": "a-3-x", "labels": LABELS}
    found = read_pod({"metadata": metadata, "status": {"phase": phase, **status}})
    assert (found.name, found.key) == ("a-3-x", ("a", 3))
    return found.state


@pytest.mark.parametrize(
    ("found", "kind", "why", "status"),
    [
        (pod("Pending"), WAITING, "", None),
        (pod("Pending", {"waiting": {"reason": "ContainerCreating"}}), WAITING, "", None),
        (
            pod("Pending", {"waiting": {"reason": "ImagePullBackOff", "message": "no x:1"}}),
            WAITING,
            "ImagePullBackOff: no x:1",
            None,
        ),
        (
            pod(
                "Pending",
                conditions=[
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/3 nodes are available",
                    }
                ],
            ),
            WAITING,
            "Unschedulable: 0/3 nodes are available",
            None,
        ),
        (pod("Running", {"running": {}}), RUNNING, "", None),
        (pod("Succeeded", {"terminated": {"exitCode": 0}}), ENDED, "", 0),
        (pod("Failed", {"terminated": {"exitCode": 5}}), ENDED, "", 5),
        (
            pod("Failed", {"terminated": {"exitCode": 1, "reason": "Error", "message": "no nws"}}),
            ENDED,
            "no nws",
            1,
        ),
        (
            pod("Failed", {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}),
            ENDED,
            "OOMKilled, SIGKILL",
            None,
        ),
        (
            pod("Failed", reason="Evicted", message="low on memory"),
            ENDED,
            "Evicted: low on memory",
            None,
        ),
    ],
)
def test_states(found: JobState, kind: str, why: str, status: int | None) -> None:
    """There is an exit status only if the cluster has not ended the pod."""
    assert (found.kind, found.why, found.status) == (kind, why, status)


def test_a_pod_that_is_preempted() -> None:
    """It still runs, for as long as it is given to end."""
    condition = {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}
    metadata = {"name": "a", "labels": LABELS, "deletionTimestamp": "2026-01-01T00:00:00Z"}
    status = {"phase": "Running", "conditions": [condition]}
    found = read_pod({"metadata": metadata, "status": status}).state
    assert (found.kind, found.why, found.status) == (ENDED, "PreemptionByScheduler", None)


def test_a_cluster_that_is_too_old() -> None:
    metadata = {"name": "a-3-x", "labels": {"batch.kubernetes.io/job-name": "a"}}
    with pytest.raises(SleighScriptException, match=r"a-3-x has no label .*older than 1\.29"):
        read_pod({"metadata": metadata})


class Cluster:
    """Stands for a `KubernetesApi`, with what it answers."""

    def __init__(self, jobs: Sequence[Any] = (), pods: Sequence[Any] = ()) -> None:
        self._answers = {"jobs": jobs, "pods": pods}
        self.asked: list[tuple[str, ...]] = []

    def jobs(self, selector: str, timeout: float) -> Sequence[Any]:
        return self._answers["jobs"]

    def pods(self, selector: str, timeout: float) -> Sequence[Any]:
        return self._answers["pods"]

    def delete_pods(self, selector: str, timeout: float) -> None:
        self.asked.append(("delete pods", selector))


def jobs_in(cluster: Any) -> KubernetesJobs:
    order: Any = None  # nothing is submitted
    return KubernetesJobs(cluster, "sleigh", partial(Kubernetes(image="x").job, "sleigh"), order)


def job(name: str, **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"completions": 9}, "status": status}


def test_pods_that_are_not_there() -> None:
    """Those that the cluster has not made yet wait, unless they have ended or their Job has."""
    over = job("over", conditions=[{"type": "Failed", "status": "True"}])
    under_way = job("a", failedIndexes="1,4-6", completedIndexes="8")
    there = {"metadata": {"name": "p", "labels": LABELS}, "status": {"phase": "Running"}}
    jobs = jobs_in(Cluster([over, under_way], [there]))
    states = jobs.states([], 1.0)
    assert {key: state.kind for key, state in states.items()} == {
        **{("a", index): WAITING for index in (0, 2, 7)},
        ("a", 3): RUNNING,
    }
    assert states["a", 0].why == ("the cluster has made no pod: `kubectl describe job a` says why")
    assert [jobs.job_name(("a", index)) for index in (2, 3)] == ["a-2", "p"]


def test_pods_are_deleted_together() -> None:
    """By one request for each Job."""
    cluster = Cluster()
    jobs_in(cluster).cancel([("a", 3), ("b", 0), ("a", 5)], 1.0)
    job_label, index_label = LABELS
    assert cluster.asked == [
        ("delete pods", f"{job_label}=a,{index_label} in (3,5)"),
        ("delete pods", f"{job_label}=b,{index_label} in (0)"),
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, r"needs an image.* launch=Kubernetes\(image=\.\.\.\)"),
        ({"image": "x", "command": "python"}, "command='python' is not a list"),
        ({"image": "x", "workers_per_pod": 0}, "workers_per_pod=0 is less than 1"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, Any], said: str) -> None:
    with pytest.raises(SleighIllegalValueException, match=said):
        Kubernetes(**options)


def test_without_the_client(on_server: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    said = r"needs the package kubernetes, which .* pip install 'networkspaces\[kubernetes\]'"
    with pytest.raises(SleighIllegalValueException, match=said):
        Sleigh(**on_server, launch=Kubernetes(image="x"), workerCount=1)
