"""A program with sleighs in a stub of Kubernetes, in a Python that has the official client; prints
what it sees."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

from nws.errors import SleighJoinException, SleighScriptException
from nws.sleigh import Sleigh
from nws.sleigh.launch import job_queue, processes
from nws.sleigh.launch.kubernetes import Kubernetes
from tests.engines.elements import note_then_wait
from tests.support.kube_stub import IMAGE, KubeStub
from tests.support.processes import Aside, processes_that_show, until, until_file, until_gone
from tests.support.server import PATIENCE
from tests.support.spaces import HOST

Seen = dict[str, Any]


class Warnings(logging.Handler):
    """All that is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += f"{record.getMessage()}\n"


def a_map(kube: KubeStub, port: int, folder: Path) -> Seen:
    """A pod is evicted, and one is killed; every element is done once, and nothing is left."""
    seen: Seen = {}
    with sleigh_in(port, 2) as sleigh:
        seen["status"] = sleigh.status(timeout=PATIENCE)
        before = {info["rank"]: info["job"] for info in sleigh.workerInfo()}
        until(lambda: reported_pods(sleigh) == set(before.values()), "the report")
        seen["secret is shown"] = shows_secret(kube, sleigh)
        call = Aside(partial(sleigh.eachElem, note_then_wait, [range(4)], [folder], chunkSize=1))
        workers = [int(until_file(folder / str(number))) for number in range(2)]
        kube.evict(before[0])
        os.kill(kube.running()[before[1]], 9)
        until_gone(workers)
        (folder / "go").touch()
        seen["results"] = call.result()
        seen["workers"] = len(set(sleigh.eachWorker(os.getpid)))
        after = {info["rank"]: info["job"] for info in sleigh.workerInfo()}
        seen["ranks are the same"] = after.keys() == before.keys()
        seen["pods are others"] = set(after.values()).isdisjoint(before.values())
        until(lambda: "Evicted: The node was low" in warnings.text, "the eviction")
        until(lambda: "SIGKILL" in warnings.text, "the kill")
    until(lambda: not any(kube.objects.values()), "the end of all objects")
    return seen


def reported_pods(sleigh: Sleigh) -> set[str]:
    report = json.loads(sleigh.nws.find("jobs"))
    assert report["system"] == "kubernetes"
    return {each["job"] for each in report["jobs"]}


def shows_secret(kube: KubeStub, sleigh: Sleigh) -> bool:
    """Tell whether the secret can be seen in the Job or the list of processes."""
    login = sleigh.nws.server.endpoint.login
    assert login is not None
    job = json.dumps(kube.objects["jobs"])
    return login.secret in job or bool(processes_that_show(login.secret))


def a_job_that_is_deleted(kube: KubeStub, port: int) -> Seen:
    """Another one takes its place."""
    with sleigh_in(port, 1) as sleigh:
        sleigh.status(timeout=PATIENCE)
        (name,) = kube.objects["jobs"]
        workers = sleigh.eachWorker(os.getpid)
        kube.answer("DELETE", f"/namespaces/lab/jobs/{name}", None)
        until_gone(workers)
        return {"results": sleigh.map(abs, [-1]), "is another": name not in kube.objects["jobs"]}


def a_master_that_is_killed(kube: KubeStub, port: int, folder: Path) -> Seen:
    """Its workers end, and the cluster deletes what is complete."""
    program = [sys.executable, "-m", "tests.engines.kubernetes_program", str(port), str(folder)]
    with subprocess.Popen([*program, "master"]) as master:
        until_file(folder / "0")
        master.kill()
    until(lambda: not any(kube.objects.values()), "the end of all objects")
    return {"running": kube.running()}


def growth_and_shrinking(kube: KubeStub, port: int) -> Seen:
    """Further pods are one Job. Those that are not wanted any more leave, and come back if they are
    again; those that wait are deleted."""
    with sleigh_in(port, 1) as sleigh:
        sleigh.scale(4)
        grown = sorted(sleigh.eachWorker("SleighRank"))
        jobs = len(kube.objects["jobs"])
        sleigh.scale(2)
        until(lambda: len(kube.running()) == 2, "the end of two pods")
        shrunk = sorted(sleigh.eachWorker("SleighRank"))
        sleigh.scale(3)
        again = sorted(sleigh.eachWorker("SleighRank"))
        pods = len(kube.running())
        kube.room = 4
        sleigh.scale(50)
        until(lambda: len(kube.waiting()) == 46, "pods that wait")
        sleigh.scale(1)
        until(lambda: not kube.waiting() and len(kube.running()) == 1, "the end of all others")
        last = sleigh.eachWorker("SleighRank")
    until(lambda: not any(kube.objects.values()), "the end of all objects")
    return {
        "grown": grown,
        "jobs": jobs,
        "shrunk": shrunk,
        "again": again,
        "pods": pods,
        "last": last,
    }


def a_check(port: int) -> Seen:
    """Return which pods fit, and why others do not."""
    fits = check(port, IMAGE, "60s")
    late = check(port, "nowhere", "0.5s")
    return {
        "fits": [each["fits"] for each in fits],
        "pods": len({each["node"] for each in fits[1:]}),
        "late": [
            "; the job is waiting" in problem for each in late[1:] for problem in each["problems"]
        ],
    }


def check(port: int, image: str, timeout: str) -> list[Any]:
    """Run `nws sleigh check` for two pods."""
    place = ["--host", HOST, "--port", str(port), "--workers", "2", "--timeout", timeout]
    chosen = ["--launch", "kubernetes", "--image", image, "--namespace", "lab"]
    program = [sys.executable, "-m", "nws", "sleigh", "check", "--json"]
    done = subprocess.run([*program, *place, *chosen], capture_output=True, text=True, check=False)
    assert done.returncode == (image != IMAGE), done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


def pods_that_wait(kube: KubeStub, port: int) -> Seen:
    with sleigh_in(port, 2, image="nowhere"):
        until(lambda: "2 of 2 jobs wait: ErrImagePull: nowhere" in warnings.text, "what is said")
    with sleigh_in(port, 1, pod={"nodeSelector": {"gpu": "yes"}}):
        until(lambda: "1 of 1 jobs wait: Unschedulable: 0/1" in warnings.text, "what is said")
    until(lambda: not any(kube.objects.values()), "the end of all objects")
    return {"said once": warnings.text.count("ErrImagePull") == 1}


def pods_that_fail(kube: KubeStub, port: int) -> Seen:
    with sleigh_in(port, 1, command=["sh", "-c", "echo no such package; exit 7"]) as sleigh:
        call = Aside(partial(sleigh.map, abs, [1]))
        try:
            call.result()
        except SleighJoinException as error:
            return {"said": "exit status 7: no such package" in str(error)}
    return {}


def a_refusal(kube: KubeStub, port: int) -> Seen:
    kube.refusal = "jobs.batch is forbidden"
    try:
        with sleigh_in(port, 1):
            return {}
    except SleighScriptException as error:
        return {"said": str(error)}


def sleigh_in(port: int, workers: int, **options: Any) -> Sleigh:
    launcher = Kubernetes(**{"image": IMAGE, "command": [sys.executable], **options})
    return Sleigh(launch=launcher, workerCount=workers, nwsHost=HOST, nwsPort=port)


def be_master(port: int, folder: Path) -> None:
    """Make a call that does not end."""
    with sleigh_in(port, 1) as sleigh:
        sleigh.eachElem(note_then_wait, [[0]], [folder])


def main(port: int, folder: Path) -> None:
    pods, killed = folder / "pods", folder / "killed"
    pods.mkdir()
    killed.mkdir()
    with KubeStub(pods) as kube:
        os.environ["KUBECONFIG"] = kube.write_config()
        # The image has this Python.
        os.environ["PATH"] = os.pathsep.join((os.path.dirname(sys.executable), os.environ["PATH"]))
        seen = {
            "map": a_map(kube, port, folder),
            "deleted": a_job_that_is_deleted(kube, port),
            "scaled": growth_and_shrinking(kube, port),
            "killed": a_master_that_is_killed(kube, port, killed),
            "checked": a_check(port),
            "waiting": pods_that_wait(kube, port),
            "failing": pods_that_fail(kube, port),
            "refused": a_refusal(kube, port),
        }
    print(json.dumps(seen))


warnings = Warnings()

if __name__ == "__main__":
    job_queue._QUERY_SECONDS = 0.1  # type: ignore[misc]
    processes._FIRST_PAUSE_SECONDS = 0.0  # type: ignore[misc]
    logging.getLogger("nws").addHandler(warnings)
    run = be_master if sys.argv[3:] else main
    run(int(sys.argv[1]), Path(sys.argv[2]))
