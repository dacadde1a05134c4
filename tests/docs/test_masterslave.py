"""The page about MasterSlave: its example works, and it names what there is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from nws import masterslave
from tests.cli.conftest import free_port
from tests.support.processes import run_python
from tests.support.server import ROOT, Server
from tests.support.spaces import HOST

PAGE = (ROOT / "docs" / "masterslave.md").read_text(encoding="utf-8")
IN_WORDS = {"parameters", "items", "info"}
"""Arguments that the table describes."""
TABLE = PAGE.partition("## Names and arguments")[2].partition("\n## ")[0]


IMPORTS, SQUARES, MASTER, SLAVE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_example_works_when_pasted(server: Server, tmp_path: Path) -> None:
    (tmp_path / "squares.py").write_text(f"{IMPORTS}{SQUARES}")
    env = {"NWS_SERVER_HOST": HOST, "NWS_SERVER_PORT": str(server.port)}
    done = run_python("squares.py", cwd=tmp_path, env=env)
    assert done.stderr == ""
    expected = [f"square_{number} {number * number}" for number in range(10)]
    assert sorted(done.stdout.splitlines()) == expected


@pytest.mark.nightly  # tests/masterslave/test_master.py has a server of the master's own
def test_a_master_with_a_server_of_its_own(tmp_path: Path) -> None:
    port = str(free_port())
    imports = "from nws.masterslave import initializeMasterProcess, startSlaveProcess\n"
    slave = f"{imports}def do_square(number):\n    return number * number\n{SLAVE}"
    (tmp_path / "slave.py").write_text(slave.replace("7766", port))
    master = MASTER.replace("server=False", f"server=False, master_host='localhost:{port}'")
    ask = "master.requestTask('square', 7)\nprint(master.retrieveResult()[2])\n"
    (tmp_path / "master.py").write_text(f"{imports}{master}{ask}")
    assert run_python("master.py", cwd=tmp_path).stdout == "49\n"


@pytest.mark.parametrize(
    "kind", [masterslave.MasterProcess, masterslave.SlaveProcess, masterslave.TaskManager]
)
def test_each_public_method_is_in_the_table(kind: type) -> None:
    ours = {"close", "store_slave_code", "take", "active_processes", "wait_until_alone"}
    methods = {name for name, member in vars(kind).items() if callable(member)}
    for name in sorted(methods - ours):
        assert name.startswith("_") or f"`{name}`" in TABLE, name


def test_each_public_name_is_in_the_table() -> None:
    for name in set(masterslave.__all__) - {"MasterSlaveException"}:
        assert f"`{name}`" in TABLE, name


WITH_ARGUMENTS = {*masterslave.__all__} - {
    *("MasterSlaveException", "TaskManagerTermination"),
    "debug",
}


@pytest.mark.parametrize("name", sorted(WITH_ARGUMENTS))
def test_each_argument_is_in_the_table(name: str) -> None:
    thing = getattr(masterslave, name)
    methods = {key: member for key, member in vars(thing).items() if inspect.isfunction(member)}
    public = {key: member for key, member in methods.items() if f"`{key}`" in TABLE}
    for each in (thing, *public.values()):
        for argument in set(inspect.signature(each).parameters) - {"self", *IN_WORDS}:
            assert f"`{argument}`" in TABLE, f"{argument} of {each.__name__}"


def test_each_test_is_there() -> None:
    folders = (ROOT / "tests" / "masterslave", ROOT / "tests" / "faults")
    files = [file for folder in folders for file in folder.glob("*.py")]
    code = "".join(file.read_text(encoding="utf-8") for file in files)
    for row in [line for line in TABLE.splitlines() if line.startswith(("| `", "| |"))]:
        assert "`test_" in row, row
    for test in re.findall(r"`(test_\w+)`", PAGE):
        assert f"def {test}(" in code, test
