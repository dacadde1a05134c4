"""What is said to Kubernetes, and what it answers, as data."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest

from nws.errors import SleighIllegalValueException
from nws.sleigh import Sleigh
from nws.sleigh.launch.batch_system import ENDED, RUNNING, WAITING
from nws.sleigh.launch.kubernetes import Kubernetes
from nws.sleigh.launch.kubernetes_pod import Pod, read_pod
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
    job = Kubernetes(image="x", pod=pod).job("name", 1)
    spec = job["spec"]["template"]["spec"]
    assert [each["name"] for each in spec["volumes"]] == ["nws", "data"]
    assert spec["restartPolicy"] == "OnFailure"


def pod(phase: str, state: dict[str, Any] | None = None, **status: Any) -> Pod:
    """Return what is read of a pod whose container has this state."""
    if state is not None:
        status["containerStatuses"] = [{"state": state}]
    annotations = {"batch.kubernetes.io/job-completion-index": "3"}
    metadata = {"name": "a-3-x", "annotations": annotations}
    return read_pod({"metadata": metadata, "status": {"phase": phase, **status}})


@pytest.mark.parametrize(
    ("found", "kind", "why"),
    [
        (pod("Pending"), WAITING, ""),
        (pod("Pending", {"waiting": {"reason": "ContainerCreating"}}), WAITING, ""),
        (
            pod("Pending", {"waiting": {"reason": "ImagePullBackOff", "message": "no x:1"}}),
            WAITING,
            "ImagePullBackOff: no x:1",
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
        ),
        (pod("Running", {"running": {}}), RUNNING, ""),
        (
            pod("Failed", {"terminated": {"exitCode": 1, "reason": "Error", "message": "no nws"}}),
            ENDED,
            "exit status 1: no nws",
        ),
        (
            pod("Failed", {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}),
            ENDED,
            "OOMKilled, SIGKILL",
        ),
        (pod("Failed", reason="Evicted", message="low on memory"), ENDED, "Evicted: low on memory"),
    ],
)
def test_states(found: Pod, kind: str, why: str) -> None:
    assert (found.kind, found.why, found.place) == (kind, why, "3")
    assert found.has_failed == (kind == ENDED)


def test_a_pod_that_is_preempted() -> None:
    """It still runs, for as long as it is given to end."""
    condition = {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}
    metadata = {"name": "a", "deletionTimestamp": "2026-01-01T00:00:00Z"}
    status = {"phase": "Running", "conditions": [condition]}
    found = read_pod({"metadata": metadata, "status": status})
    assert (found.kind, found.why, found.status) == (ENDED, "PreemptionByScheduler", -15)


@pytest.mark.parametrize("code", [0, 5])
def test_a_pod_that_ends_in_order(code: int) -> None:
    phase = "Failed" if code else "Succeeded"
    assert not pod(phase, {"terminated": {"exitCode": code}}).has_failed


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
