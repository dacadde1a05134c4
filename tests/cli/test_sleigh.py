"""`nws sleigh` and `nws worker`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nws.client import NetWorkSpace
from nws.sleigh import Sleigh, SleighCancelledException
from nws.sleigh.launch.by_hand import DELETE_ME
from tests.cli.conftest import Nws
from tests.support.deadly import times_ten
from tests.support.processes import Aside, python, until
from tests.support.server import PATIENCE, Server
from tests.support.sleighs import workers
from tests.support.spaces import HOST

WS = "command line"


@pytest.fixture(scope="module")
def sleigh(on_server: dict[str, Any]) -> Iterator[Sleigh]:
    with Sleigh(**on_server, workerCount=1) as sleigh:
        yield sleigh


def name_of(sleigh: Sleigh) -> str:
    return sleigh.nws.currentWs()


def test_which_sleighs_there_are(shared: Nws, sleigh: Sleigh, ws: NetWorkSpace) -> None:
    pending = sleigh.eachElem(time.sleep, [0], blocking=False)
    pending.wait()
    (row,) = (each for each in shared.json("sleigh", "ls") if each["sleigh"] == name_of(sleigh))
    assert (row["workers"], row["calls"]) == (1, 0)
    assert name_of(sleigh) in shared("sleigh", "ls").stdout


def test_what_a_sleigh_does(shared: Nws, sleigh: Sleigh) -> None:
    sleigh.eachElem(times_ten, range(10), blocking=False).wait()
    content = shared.json("sleigh", "show", name_of(sleigh))
    call = content["calls"][-1]
    assert (call["function"], call["arrived"], call["over"]) == ("times_ten", 10, True)
    assert [worker["rank"] for worker in content["workers"]] == [0]
    text = shared("sleigh", "show", name_of(sleigh)).stdout
    assert "times_ten" in text
    assert "machine" in text


def test_tasks_for_a_group_that_no_worker_has(shared: Nws, ws: NetWorkSpace) -> None:
    for name in ("task", "result", "rankCount", "workerCount", "task gpu", "task tpu"):
        ws.declare(name, "fifo")
    ws.store("worker 0", json.dumps({"rank": 0, "group": "gpu"}))
    for queue in ("task gpu", "task tpu"):
        ws.store(queue, "a task")
    assert shared.json("sleigh", "show", WS)["lacking_groups"] == {"tpu": 1}
    said = "1 task waits for the group 'tpu', to which no worker belongs\n"
    assert shared("sleigh", "show", WS).stdout.endswith(said)


def test_cancel_a_call(shared: Nws, sleigh: Sleigh) -> None:
    name = name_of(sleigh)
    call = Aside(lambda: sleigh.eachElem(time.sleep, [1000]))

    def under_way() -> list[int]:
        calls = shared.json("sleigh", "show", name)["calls"]
        return [each["number"] for each in calls if not each["over"]]

    (number,) = until(under_way, "the call is under way")
    sleigh.nws.store("cancel", "no number")
    shared("sleigh", "cancel", name, str(number))
    with pytest.raises(SleighCancelledException, match="somebody else"):
        call.result()
    said = shared("sleigh", "cancel", name, str(number), status=4).stderr
    assert f"no call {number} under way; `nws sleigh show`" in said
    assert sleigh.eachElem(times_ten, [1]) == [10]


def test_a_program_that_does_not_look(shared: Nws, ws: NetWorkSpace) -> None:
    for name in ("task", "result", "rankCount", "workerCount"):
        ws.declare(name, "fifo")
    ws.declare("calls", "single")
    ws.store("calls", json.dumps({"calls": [{"number": 1}, {"number": 2, "kind": "submit"}]}))
    said = shared("sleigh", "cancel", WS, "1", "--timeout", "0", status=1).stderr
    assert "the program has to wait for it" in said
    assert ws.fetch("cancel") == "1"
    assert "by their futures" in shared("sleigh", "cancel", WS, "2", status=1).stderr


def test_kill_a_worker(shared: Nws, sleigh: Sleigh, ws: NetWorkSpace) -> None:
    name = name_of(sleigh)
    (former,) = workers(sleigh)
    shared("sleigh", "kill", name, "0")
    assert workers(sleigh) != [former]
    said = shared("sleigh", "kill", name, "1", status=4).stderr
    assert "no worker 1 that runs; `nws sleigh show`" in said
    for variable in ("task", "result", "rankCount", "workerCount"):
        ws.declare(variable, "fifo")
    ws.store("worker 0", json.dumps({"rank": 0, "id": "a", "pid": 7, "name": "somewhere"}))
    said = shared("sleigh", "kill", WS, "0", "--timeout", "0", status=1).stderr
    assert "worker 0 (process 7 on somewhere) is not dead" in said
    assert ws.fetch("kill a") == "7"


def test_a_sleigh_by_its_name(shared: Nws, on_server: dict[str, Any]) -> None:
    with Sleigh(**on_server, workerCount=1, name="fit 100 %s") as sleigh:
        assert str(sleigh).startswith("Sleigh('fit 100 %s', 1 worker, ")
        (row,) = (each for each in shared.json("sleigh", "ls") if each["name"] == sleigh.name)
        assert row["sleigh"] == name_of(sleigh)
        assert shared("sleigh", "show", sleigh.name).stdout.startswith(f"{sleigh.name} (sleigh_")
        former = workers(sleigh)
        shared("sleigh", "kill", sleigh.name, "0")
        assert workers(sleigh) != former


def test_sleighs_of_one_name(shared: Nws, server: Server) -> None:
    def make_sleigh(workspace: str, name: object) -> NetWorkSpace:
        ws = NetWorkSpace(workspace, HOST, server.port)
        for variable in ("task", "result", "rankCount", "workerCount"):
            ws.declare(variable, "fifo")
        ws.store("name", name)
        return ws

    with make_sleigh("ride 1", "twin"), make_sleigh("ride 2", "twin"), make_sleigh("twin 3", 5):
        said = shared("sleigh", "show", "twin", status=1).stderr
        assert "several sleighs are called 'twin': name one of ride 1, ride 2" in said
        assert shared.json("sleigh", "show", "ride 2")["name"] == "twin"
        assert shared.json("sleigh", "show", "twin 3")["name"] is None
        with make_sleigh("twin", "ride 1"):  # a workspace comes before a name
            assert shared.json("sleigh", "show", "twin")["name"] == "ride 1"


def test_of_no_sleigh(shared: Nws, ws: NetWorkSpace) -> None:
    for command in ("show", "close"):
        for name in (WS, "nowhere"):
            said = shared("sleigh", command, name, status=4).stderr
            assert "`nws sleigh ls` lists them" in said
    for command in ("kill", "cancel"):
        said = shared("sleigh", command, "nowhere", "1", status=4).stderr
        assert "`nws sleigh ls` lists them" in said


class Trap:
    """Fails the test when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return pytest.fail, ("it was unpickled",)


@pytest.mark.parametrize(
    "report", [Trap(), "{", "[]", "5", '"x"', '{"calls": 5}', '{"calls": [5, {}]}', b"\xff", None]
)
def test_a_workspace_that_looks_like_a_sleigh(
    shared: Nws, ws: NetWorkSpace, report: object
) -> None:
    for name in ("task", "result", "rankCount", "workerCount", "calls", "worker 0", "worker x"):
        ws.store(name, report)
    content = shared.json("sleigh", "show", WS)
    assert content["calls"] == []
    assert shared("sleigh", "show", WS).exit_code == 0
    assert WS in shared("sleigh", "ls").stdout


def test_odd_reports_are_shown(shared: Nws, ws: NetWorkSpace) -> None:
    for name in ("task", "result", "rankCount", "workerCount"):
        ws.declare(name, "fifo")
    odd = {"number": 1, "began": "yesterday", "arrived": [], "function": "\x1b[31m"}
    ws.store("calls", json.dumps({"calls": [odd]}))
    ws.store("worker 0", json.dumps({"memory": "much", "current": 5, "id": ["x"]}))
    ws.store("gone a", 1)
    ws.store("worker 1", json.dumps({"id": "a", "state": "idle"}))
    text = shared("sleigh", "show", WS).stdout
    assert "\\x1b[31m" in text
    assert "gone" in text


@pytest.mark.slow
def test_a_worker_by_hand(shared: Nws, server: Server, tmp_path: Path) -> None:
    making = Aside(lambda: Sleigh(launch="web", nwsHost=HOST, nwsPort=server.port))

    def waiting() -> str:
        with NetWorkSpace("__default", HOST, server.port, useUse=True) as ws:
            listing = ws.server.listWss("dict")
        assert isinstance(listing, dict)
        names = [each.name for each in listing.values() if DELETE_ME in each.varlist]
        return names[0] if names else ""

    name = until(waiting, "the sleigh waits")
    command = ["-m", "nws", "worker", "--connect", f"{HOST}:{server.port}", "--sleigh", name]
    with python(*command, "--workers", "2", cwd=tmp_path) as process:
        until(lambda: len(shared.json("sleigh", "show", name)["workers"]) == 2, "the workers")
        left = shared(*command[2:], "--lifetime", "0.1s", "--lifetime-stagger", "0.05")
        assert "the workers here leave: its lifetime is over" in left.stderr
        shared("sleigh", "close", name)
        with making.result() as sleigh:
            assert sleigh.status() == (2, 1)
            user_workspace = sleigh.userNws.currentWs()
            assert [info["state"] for info in sleigh.workerInfo()][2:] == ["left"]
            found = sleigh.eachWorker("SleighUserNws.currentWs()")
            assert found == 2 * [user_workspace]
            for command in (["sleigh", "close", name], ["worker", "--sleigh", name]):
                assert "waits for workers started by hand" in shared(*command, status=1).stderr
        assert process.wait(PATIENCE) == 0


def test_a_worker_of_no_sleigh(shared: Nws, ws: NetWorkSpace) -> None:
    said = shared("worker", "--sleigh", "nowhere", status=4).stderr
    assert "`nws sleigh ls` lists them" in said
    for variable in ("task", "result", "rankCount", "workerCount"):
        ws.declare(variable, "fifo")
    ws.store("runMe", "import os; os.system('true')")
    assert "waits for workers" in shared("worker", "--sleigh", WS, status=1).stderr
    for wrong in (["--lifetime", "soon"], ["--lifetime-stagger", "2m", "--lifetime", "1m"]):
        assert "lifetime" in shared("worker", "--sleigh", WS, *wrong, status=2).stderr
    said = shared("worker", "--sleigh", WS, "--connect", "a/b", status=2).stderr
    assert "neither 'host' nor 'host:port'" in said


def test_a_worker_without_a_server_names_its_own_option(nws: Nws) -> None:
    place = f"{HOST}:{nws.port}"
    said = nws("worker", "--sleigh", WS, "--connect", place, status=3).stderr
    assert place in said
    assert said.endswith("; --connect names another one\n")


def test_the_script_of_a_launcher(shared: Nws) -> None:
    asked = ("--workers", "8", "--workers-per-job", "4", "--line", "module load python")
    script = shared("sleigh", "script", "--launch", "slurm", *asked).stdout
    assert script.startswith("#!/bin/sh\n#SBATCH ")
    assert "#SBATCH --array=0-1\n" in script
    assert "\nmodule load python\n" in script


def test_the_job_of_kubernetes(shared: Nws) -> None:
    asked = ("--image", "lab:1", "--workers", "8", "--workers-per-pod", "4")
    job = json.loads(shared("sleigh", "script", "--launch", "kubernetes", *asked).stdout)
    assert job["kind"] == "Job"
    assert job["spec"]["completions"] == 2
    assert job["spec"]["template"]["spec"]["containers"][0]["image"] == "lab:1"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("local", "submits nothing that could be shown"),
        ("service", "no such"),
        ("kubernetes", "needs an image"),
    ],
)
def test_no_script(shared: Nws, name: str, said: str) -> None:
    assert said in shared("sleigh", "script", "--launch", name, status=1).stderr
