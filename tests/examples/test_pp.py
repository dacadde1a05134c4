"""The examples of Parallel Python, on local workers and on nodes."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from tests.examples.conftest import EXAMPLES, assert_in_gallery
from tests.support.ppnodes import SECRET, ppnode
from tests.support.processes import run_python


def output(name: str, *arguments: str, cwd: Path, env: dict[str, str] | None = None) -> list[str]:
    """Run an example, which may not complain, and return the lines that it prints."""
    done = run_python(EXAMPLES / f"{name}.py", *arguments, cwd=cwd, env=env)
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.nightly  # such a program is in tests/docs/test_parallel_python.py
def test_the_quick_start(tmp_path: Path) -> None:
    said = output("pp_quick_start", "2", cwd=tmp_path)
    assert said[:2] == ["Starting pp with 2 workers", "Sum of primes below 10000 is 5736396"]
    assert said[6] == "Sum of primes below 10050 is 5776488"
    assert said[7] == "Job execution statistics:"
    assert said[9].split(" | ")[0].strip() == "6"
    assert said[9].endswith("| local")
    assert_in_gallery("pp_quick_start", "".join(f"{line}\n" for line in said))


@pytest.mark.slow
@pytest.mark.nightly
def test_callbacks(tmp_path: Path) -> None:
    said = output("pp_callbacks", cwd=tmp_path)
    assert len([line for line in said if line.startswith("partial sum: ")]) == 5
    assert said[5:] == [
        "1 + 1/2 + ... + 1/100000 = 12.090146",
        "it has failed: ZeroDivisionError",
    ]
    assert_in_gallery("pp_callbacks", "".join(f"{line}\n" for line in said))


@pytest.mark.slow
@pytest.mark.nightly  # such nodes are in tests/pp/test_nodes.py
def test_a_cluster(tmp_path: Path) -> None:
    with ppnode("-w", "1", home=tmp_path) as one, ppnode("-w", "2", home=tmp_path) as other:
        names = [one.name, other.name]
        said = output("pp_cluster", *names, cwd=tmp_path, env={"PP_SECRET": SECRET})
    assert said[0] == "local has 0 workers"
    assert set(said[1:3]) == {f"{names[0]} has 1 workers", f"{names[1]} has 2 workers"}
    assert said[3:13] == [f"job {number} ran on {platform.node()}" for number in range(10)]
    # Nodes come in any order.
    said[1:3] = sorted(said[1:3], key=lambda line: line.split(" has ")[1])
    shown = "".join(f"{line}\n" for line in said).replace(names[0], "node-1:35000")
    assert_in_gallery("pp_cluster", shown.replace(names[1], "node-2:35000"))
