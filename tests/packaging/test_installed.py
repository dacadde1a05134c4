"""What the wheel does once it is installed, seen from another folder than the checkout."""

import json
from pathlib import Path

from tests.packaging.conftest import ROOT, Installation

# These are on the path of every start of a program or a worker, and slow to import.
HEAVY = {
    *("click", "jinja2", "nws_babelfish", "nws_server", "platformdirs", "psutil", "twisted", "zope")
}

ALLOWED = {
    "nws.__main__": {"click", "platformdirs", "psutil"},
    "nws.cli": {"click", "platformdirs", "psutil"},
    "nws.depalma.cli": {"click"},
    # What a host runs, and no other program
    "nws.depalma.job_runner": {"psutil"},
    "nws.depalma.machine": {"psutil"},
    "nws.depalma.marks": {"psutil"},
    "nws.depalma.remote_server": {"psutil"},
    "nws.depalma.running_jobs": {"psutil"},
    "nws.masterslave.command": {"click"},
    "nws.pp.command": {"click"},
}


def _modules_of_nws() -> list[str]:
    found = []
    for path in (ROOT / "nws").rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return sorted(found)


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


def test_importing_nws_is_light(installation: Installation, tmp_path: Path) -> None:
    modules = _modules_of_nws()
    printed = installation.python("-c", _IMPORT_EACH, *modules, cwd=tmp_path).stdout
    reports = [json.loads(line) for line in printed.splitlines()]
    assert [module for module, _, _ in reports] == modules
    for module, file, loaded in reports:
        assert Path(file).is_relative_to(installation.target)
        assert (HEAVY - ALLOWED.get(module, set())) & set(loaded) == set(), module


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
