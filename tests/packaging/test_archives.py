"""The wheel and the source archive hold what the tree holds: nothing forgotten, nothing more. The
wheel works once it is installed, seen from another folder than the checkout."""

import json
from pathlib import Path

import pytest

from tests.packaging.conftest import (
    PACKAGE_FOLDERS,
    ROOT,
    Archives,
    Installation,
    files_below,
)


def _top(name: str) -> str:
    return name.partition("/")[0]


def _metadata(name: str) -> bool:
    return _top(name).endswith(".dist-info")


@pytest.mark.slow
def test_wheel_holds_exactly_the_files_of_the_packages(archives: Archives) -> None:
    expected = {
        f"{place}/{name}"
        for folder, place in PACKAGE_FOLDERS.items()
        for name in files_below(archives.tree / folder)
    }
    shipped = {name for name in archives.wheel_files if not _metadata(name)}

    forgotten = sorted(expected - shipped)
    assert not forgotten, (
        f"not in the wheel; see packages and package_data in setup.cfg: {forgotten}"
    )
    assert sorted(shipped - expected) == []


def test_every_package_says_that_it_is_typed(archives: Archives) -> None:
    markers = {name for name in archives.wheel_files if name.endswith("/py.typed")}
    assert markers == {"nws/py.typed", "nws_server/py.typed", "nws_babelfish/py.typed"}


def test_wheel_takes_no_name_that_belongs_to_others(archives: Archives) -> None:
    # Top-level `server` and `babelfish` would overwrite other people's packages in site-packages.
    tops = {_top(name) for name in archives.wheel_files if not _metadata(name)}
    assert tops == {"nws", "nws_server", "nws_babelfish", "twisted"}


def test_wheel_puts_only_the_plugin_into_twisted(archives: Archives) -> None:
    # An __init__.py here would overwrite Twisted's own.
    in_twisted = {name for name in archives.wheel_files if name.startswith("twisted/")}
    assert in_twisted == {"twisted/plugins/nws_plugin.py"}


def test_wheel_carries_the_license(archives: Archives) -> None:
    assert [name for name in archives.wheel_files if _metadata(name) and "LICENSE" in name]


def test_sdist_holds_all_that_its_own_tests_need(archives: Archives) -> None:
    forgotten = sorted(files_below(archives.tree) - archives.sdist_files)
    assert not forgotten, f"not in the source archive; see MANIFEST.in: {forgotten}"
    assert {"LICENSE", "nws.tac", "setup.cfg", "tests/packaging/test_archives.py"} <= (
        archives.sdist_files
    )


# The wheel, installed

# These are on the path of every start of a program or a worker, and slow to import.
HEAVY = {
    *("click", "jinja2", "nws_babelfish", "nws_server", "platformdirs", "psutil", "twisted", "zope")
}

NEEDED_BY_COMMANDS = {"click", "nws_babelfish", "platformdirs", "psutil"}

ALLOWED = {
    "nws.__main__": {"click"},
    "nws.cli": {"click"},
    "nws.depalma.cli": {"click"},
    # What a host runs, and no other program
    "nws.depalma.job_runner": {"psutil"},
    "nws.depalma.remote_server": {"psutil"},
    "nws.depalma.running_jobs": {"psutil"},
    "nws.joblib": {"psutil"},  # by joblib
    "nws.masterslave.command": {"click"},
    "nws.pp.command": {"click"},
    "nws.processes.marks": {"psutil"},
    "nws.processes.usage": {"psutil"},
    **{
        f"nws.tx{module}": {"twisted", "zope"}
        for module in ("", ".deferring", ".encryption", ".reactor", ".server", ".workspace")
    },
    "nws.testing.memory_server": {"nws_server"},
    "nws.testing.memory_socket": {"nws_server"},
}


# They stand on clusters that who uses them has.
OF_CLUSTERS = {"nws.sleigh.launch.dask", "nws.sleigh.launch.ray"}


def _modules_of_nws() -> list[str]:
    found = set()
    for path in (ROOT / "nws").rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found.add(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return sorted(found - OF_CLUSTERS)


_IMPORT_EACH = """
import importlib, json, os, sys

def import_each(package):
    for module in sys.argv[1:]:
        if module.rpartition(".")[0] == package:
            if os.fork() == 0:
                file = importlib.import_module(module).__file__
                loaded = sorted({name.partition(".")[0] for name in sys.modules})
                print(json.dumps([module, file, loaded]), flush=True)
                import_each(module)
                os._exit(0)
            assert os.wait()[1] == 0, module

import_each("")
"""
"""A fork for each module: a Python of its own would take half a second. Python imports a module's
package first, so the modules of a package are forks of a process that has imported it."""


OF_EACH_PROGRAM_AND_WORKER = ["nws", "nws.client", "nws.sleigh"]


# That nothing light imports what is heavy is also a contract of setup.cfg, for all modules.
@pytest.mark.slow
@pytest.mark.parametrize(
    "modules",
    [OF_EACH_PROGRAM_AND_WORKER, pytest.param(_modules_of_nws(), marks=pytest.mark.nightly)],
    ids=["some", "all"],
)
def test_importing_nws_is_light(
    installation: Installation, tmp_path: Path, modules: list[str]
) -> None:
    printed = installation.python("-c", _IMPORT_EACH, *modules, cwd=tmp_path).stdout
    reports = [json.loads(line) for line in printed.splitlines()]
    assert [module for module, _, _ in reports] == modules
    for module, file, loaded in reports:
        assert Path(file).is_relative_to(installation.target)
        command = module.startswith("nws.cli.")  # which is imported only when it is run
        allowed = NEEDED_BY_COMMANDS if command else ALLOWED.get(module, set())
        assert (HEAVY - allowed) & set(loaded) == set(), module


def test_twistd_lists_the_plugin_of_the_wheel(installation: Installation, tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from twisted.scripts.twistd import run\n"
        "try:\n"
        "    run()\n"
        "except SystemExit as end:\n"
        "    print('from', sys.modules['twisted.plugins.nws_plugin'].__file__)\n"
        "    raise\n"
    )
    printed = installation.python("-c", program, "--help", cwd=tmp_path).stdout

    assert [line.split() for line in printed.splitlines() if "NetWorkSpaces" in line] == [
        ["nws", "NetWorkSpaces", "server"]
    ]
    source = Path(printed.splitlines()[-1].removeprefix("from "))
    assert source == installation.target / "twisted" / "plugins" / "nws_plugin.py"
