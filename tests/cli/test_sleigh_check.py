"""`nws sleigh check`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nws.version import __version__
from tests.cli.conftest import Nws

_SSH = """\
#!/bin/sh
while [ "$1" != near ] && [ "$1" != far ]; do shift; done
[ "$1" = near ] || { echo "ssh: no route to $1" >&2; exit 255; }
shift
exec sh -c "$*"
"""


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leads to one machine, which is this one, and not to another."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "ssh").write_text(_SSH)
    (programs / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join((str(programs), os.environ["PATH"])))


def test_machines(shared: Nws, ssh: None) -> None:
    """One that cannot be reached keeps nobody from looking at the other."""
    nodes = ("--node", "near:2", "--node", "far")
    done = shared("sleigh", "check", *nodes, "--module", "json", "--timeout", "60", status=1)
    head, here, near, far, problem = done.stdout.splitlines()
    assert head.split()[:6] == ["node", "fits", "host", "python", "path", "nws"]
    assert [line.split()[:2] for line in (here, near, far)] == [
        ["(here)", "yes"],
        ["near", "yes"],
        ["far", "no"],
    ]
    assert "MB/s" in near
    assert problem.startswith("far: ")
    assert problem.endswith("with exit status 255: ssh: no route to far")
    assert done.stderr == "", "it is said once"


def test_a_file_of_nodes(shared: Nws, ssh: None, tmp_path: Path) -> None:
    """Supervisors of a group come first, and each problem stands behind its own machine."""
    hosts = tmp_path / "hosts"
    hosts.write_text("# two machines\nfar\nnear group=gpu\n")
    done = shared("sleigh", "check", "--node", f"@{hosts}", "--timeout", "60", status=1)
    *_, near, far, problem = done.stdout.splitlines()
    assert [line.split()[:2] for line in (near, far)] == [["near", "yes"], ["far", "no"]]
    assert problem.startswith("far: ")
    assert problem.endswith("no route to far")


def test_a_machine_without_a_name(shared: Nws, ssh: None, tmp_path: Path) -> None:
    """The command that leads there is in the reason only, once."""
    mpiexec = tmp_path / "programs" / "mpiexec"
    mpiexec.write_text("#!/bin/sh\necho there are no slots >&2\nexit 1\n")
    mpiexec.chmod(0o755)
    done = shared("sleigh", "check", "--launch", "mpi", "--timeout", "60", status=1)
    *_, row, problem = done.stdout.splitlines()
    assert row.split()[:2] == ["?", "no"]
    assert problem.startswith("?: what starts workers (by `mpiexec")
    assert problem.endswith("with exit status 1: there are no slots")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--launch", "ssh"],
        ["--launch", "web"],
        ["--launch", "dask"],
        ["--launch", "local", "--forward", "9"],
    ],
)
def test_what_does_not_go_together(shared: Nws, arguments: list[str]) -> None:
    shared("sleigh", "check", *arguments, status=2)


def test_options_that_are_not_for_a_launcher(shared: Nws) -> None:
    said = shared("sleigh", "check", "--queue", "long", "--line", "x", status=1).stderr
    assert "the launcher 'local' does not take all of --queue, --line" in said


def test_this_machine(nws: Nws) -> None:
    """It needs no server."""
    here, worker = nws.json("sleigh", "check", "--module", "json")
    assert (here["node"], here["nws"]) == ("(here)", __version__)
    assert (worker["fits"], worker["problems"]) == (True, [])
    assert {each: here[each] for each in ("host", "path", "python", "modules")} == {
        each: worker[each] for each in ("host", "path", "python", "modules")
    }
    assert worker["latency_seconds"] > 0
    assert worker["up_bytes_per_second"] > 0


def test_the_script_of_jobs(shared: Nws) -> None:
    options = ("--launch", "slurm", "--workers", "4", "--workers-per-job", "2", "--queue", "long")
    said = shared("sleigh", "script", *options, "--line", "module load python").stdout
    assert "#SBATCH --array=0-1" in said
    assert "#SBATCH --partition=long" in said
    assert "module load python" in said
    assert "submits nothing" in shared("sleigh", "script", "--launch", "local", status=1).stderr
