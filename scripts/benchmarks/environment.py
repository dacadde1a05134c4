"""The environment of the sleigh's peers: a venv beside ``.venv``, as they bring hundreds of MB.

The checkout is installed in it as well, so that ours and theirs run on the same Python. Run as a
program, in that venv, it says which of the packages that it is given can be imported.
"""

from __future__ import annotations

import json
import subprocess
import sys
from configparser import ConfigParser
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple

from scripts.benchmarks.processes import CannotStartError

_ROOT: Final = Path(__file__).resolve().parents[2]
_VENV: Final = _ROOT / ".venv-peers"
_STAMP: Final = _VENV / "networkspaces-bench"
_LOG: Final = _VENV / "networkspaces-bench.log"

PYTHON: Final = str(_VENV / "bin" / "python")


class Packages(NamedTuple):
    """What the environment holds.

    Attributes:
        versions: of the packages that can be imported.
        left_out: why the others cannot.
    """

    versions: dict[str, str]
    left_out: dict[str, str]

    def __str__(self) -> str:
        present = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        missing = (f"left out: {name} ({why})" for name, why in self.left_out.items())
        return "; ".join(filter(None, (present, *missing)))


@cache
def packages() -> Packages:
    """Make the environment unless it exists, and list what it holds.

    A package that pip cannot install is left out; the next run tries again.

    Raises:
        CannotStartError: there is no environment, and none can be made.
    """
    config = ConfigParser()
    config.read(_ROOT / "setup.cfg")
    names = config["options.extras_require"]["peers"].split()
    wanted = f"{_ROOT}\n{sys.version}\n{dict(config['options'])}\n"
    if not _STAMP.exists() or _STAMP.read_text() != wanted:
        print(f"scripts/bench: installing the sleigh's peers into {_VENV.name}", file=sys.stderr)
        _make()
        _STAMP.write_text(wanted)
    found = _look(names)
    installed = [name for name in found.left_out if _install(name)]
    return _look(names) if installed else found


def _make() -> None:
    command = [sys.executable, "-m", "venv", "--clear", str(_VENV)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotStartError(f"there can be no {_VENV}:\n{done.stdout}{done.stderr}")
    if not _install("--editable", str(_ROOT)):
        raise CannotStartError(f"pip could not install the checkout:\n{_LOG.read_text()}")


def _install(*arguments: str) -> bool:
    """Install something; tell whether that worked."""
    pip = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    with _LOG.open("a") as log:
        done = subprocess.run([*pip, *arguments], stdout=log, stderr=log, check=False)
    return done.returncode == 0


def _look(names: list[str]) -> Packages:
    command = [PYTHON, "-m", __name__, *names]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotStartError(f"{PYTHON}:\n{done.stderr}")
    return Packages(*json.loads(done.stdout))


def _import_all(names: list[str]) -> Packages:
    found = Packages({}, {})
    for name in names:
        try:
            import_module(name)
            found.versions[name] = version(name)
        except Exception as error:  # a broken package may raise anything
            found.left_out[name] = str(error)
    return found


if __name__ == "__main__":
    print(json.dumps(_import_all(sys.argv[1:])))
