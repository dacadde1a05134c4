"""The quick start guides of Parallel Python's own documentation, changed in the import line only.

Those for clusters run on machines of these names, which take root to make. Without, they run on
ports of this machine, which are put in place of the names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import Popen

import pytest

from nws import pp
from tests.support.machines import knowing, several_machines
from tests.support.pages import DOCS, blocks
from tests.support.ppnodes import PpNode, ppnode
from tests.support.processes import python, until
from tests.support.server import PATIENCE

USER = """
import sys

GO = sys.argv[1]

def wait():
    while not os.path.exists(GO):
        time.sleep(0.01)

def func1(number):
    return math.sqrt(number)

def func2(number, text):
    wait()
    return text * number

args1, args2, args3 = (4,), (9,), (4, "x")
depfuncs1, modules1 = (), ("math",)
depfuncs2, modules2 = (wait,), ("os", "time")
"""
"""What is a user's own. The last job goes on when the test says so."""

SUBMIT = """
f1 = job_server.submit(func1, args1, depfuncs1, modules1)
f2 = job_server.submit(func1, args2, depfuncs1, modules1)
f3 = job_server.submit(func2, args3, depfuncs2, modules2)
r1 = f1()
r2 = f2()
r3 = f3()
"""

SMP = f"""
from nws import pp
job_server = pp.Server()
{SUBMIT}
"""

CLUSTERS = f"""
from nws import pp
ppservers=("node-1", "node-2", "node-3")
job_server = pp.Server(ppservers=ppservers)
{SUBMIT}
"""

AUTO_DISCOVERY = f"""
from nws import pp
ppservers=("*",)
job_server = pp.Server(ppservers=ppservers)
{SUBMIT}
"""

ADVANCED = f"""
from nws import pp
ppservers=("node-1:35000", "node-2:35000", "node-3:35000")
job_server = pp.Server(ppservers=ppservers, secret="mysecret")
{SUBMIT}
job_server.print_stats()
"""

GUIDES = {
    "clusters": (CLUSTERS, ""),
    "auto-discovery": (AUTO_DISCOVERY, "-a"),
    "advanced": (ADVANCED, "-p 35000 -i {address} -s mysecret"),
}
"""With the options of the nodes."""

SECRET = "mysecret"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[PpNode]]:
    """Three nodes with a worker each, which have the secret from wherever nodes have it."""
    home = tmp_path_factory.mktemp("home")
    (home / "node.conf").write_text(f"[general]\nsecret = {SECRET}\nworkers = 1\n")
    with (
        ppnode("-w", "1", home=home, secret=SECRET) as one,
        ppnode("-w", "1", "-s", SECRET, home=home, secret="") as two,
        ppnode("-c", "node.conf", home=home, secret="") as three,
    ):
        yield [one, two, three]


def with_names(guide: str, nodes: list[PpNode]) -> str:
    """Put the names of these nodes into a guide."""
    return re.sub(r"node-(\d)(:35000)?", lambda found: nodes[int(found[1]) - 1].name, guide)


@contextmanager
def running(guide: str, folder: Path, machine: str = "") -> Iterator[Popen[str]]:
    """Run a guide as a program that also prints its results."""
    program = folder / "program.py"
    program.write_text(f"{USER}{guide}print(r1, r2, r3)\n")
    env = {"PP_SECRET": SECRET}
    with python(program, folder / "go", cwd=folder, env=env, machine=machine) as process:
        yield process


def said_by(process: Popen[str], folder: Path) -> list[str]:
    """Let a program go on to its end, and return what it has printed."""
    (folder / "go").touch()
    out, err = process.communicate(timeout=PATIENCE)
    assert (err, process.returncode) == ("", 0)
    return out.splitlines()


def test_smp(tmp_path: Path) -> None:
    with running(SMP, tmp_path) as program:
        assert said_by(program, tmp_path) == ["2.0 3.0 xxxx"]


def works(node: PpNode) -> int:
    """Return for how many job servers a node has worked."""
    return sum("works for the job server" in line for line in node.lines)


@pytest.mark.slow
@pytest.mark.nightly(but_each=2)  # they differ in where the secret is from
@pytest.mark.parametrize("guide", [ADVANCED, CLUSTERS], ids=["advanced", "clusters"])
def test_clusters(nodes: list[PpNode], guide: str, tmp_path: Path) -> None:
    before = [works(node) for node in nodes]
    with running(with_names(guide, nodes), tmp_path) as program:
        until(lambda: [works(node) for node in nodes] == [n + 1 for n in before], "nodes work")
        *statistics, results = said_by(program, tmp_path)
    assert results == "2.0 3.0 xxxx"
    assert bool(statistics) == (guide == ADVANCED)


@pytest.mark.nightly
@pytest.mark.parametrize("name", GUIDES)
def test_clusters_of_machines_with_these_names(name: str, tmp_path: Path) -> None:
    """Nothing is put into the guides, and their programs do not wait for the nodes."""
    guide, options = GUIDES[name]
    with ExitStack() as stack:
        machines = stack.enter_context(several_machines(4))
        (_, client), *others = machines.items()
        addresses = {f"node-{number}": address for number, (address, _) in enumerate(others, 1)}
        stack.enter_context(knowing(client, addresses))
        nodes = []
        for address, machine in others:
            given = options.format(address=address).split()
            secret = "" if "-s" in given else SECRET
            node = ppnode(*given, home=tmp_path, secret=secret, port=None, machine=machine)
            nodes.append(stack.enter_context(node))
        program = stack.enter_context(running(guide, tmp_path, client))
        until(lambda: [works(node) for node in nodes] == [1, 1, 1], "nodes work")
        *statistics, results = said_by(program, tmp_path)
    assert results == "2.0 3.0 xxxx"
    assert bool(statistics) == (guide == ADVANCED)


@pytest.mark.nightly
def test_the_lines_of_our_page(nodes: list[PpNode]) -> None:
    _, lines = blocks(DOCS / "parallel-python.md")
    code = with_names(lines.code, nodes).replace("a long secret", SECRET)
    exec(f"{code}job_server.destroy()\n", {"pp": pp})
