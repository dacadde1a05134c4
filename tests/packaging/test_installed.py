"""What the wheel does once it is installed, seen from another folder than the checkout."""

import json
from pathlib import Path

import pytest

from tests.packaging.conftest import ROOT, Installation

# These are on the path of every start of a program or a worker, and slow to import.
HEAVY = {
    *("click", "jinja2", "nws_babelfish", "nws_server", "platformdirs", "psutil", "twisted", "zope")
}


def _modules_of_nws() -> list[str]:
    found = []
    for path in (ROOT / "nws").rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return sorted(found)


@pytest.mark.parametrize("module", _modules_of_nws())
def test_importing_nws_is_light(module: str, installation: Installation, tmp_path: Path) -> None:
    program = (
        "import importlib, json, sys;"
        f"file = importlib.import_module({module!r}).__file__;"
        "print(json.dumps([file, sorted({name.partition('.')[0] for name in sys.modules})]))"
    )
    file, loaded = json.loads(installation.python("-c", program, cwd=tmp_path).stdout)

    assert Path(file).is_relative_to(installation.target)
    allowed = {"click", "platformdirs", "psutil"} if module == "nws.cli" else set()
    assert (HEAVY - allowed) & set(loaded) == set()


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
