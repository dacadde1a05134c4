"""The archives of a release, built once for all tests here, and the wheel installed."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Each package folder of the tree, and where its files go in site-packages.
PACKAGE_FOLDERS = {
    "nws": "nws",
    "server/nws_server": "nws_server",
    "babelfish/nws_babelfish": "nws_babelfish",
    "server/twisted/plugins": "twisted/plugins",
}

# Never part of the project, whatever lies about in a checkout.
_LITTER = shutil.ignore_patterns(
    *(".git", ".venv*", ".*_cache", ".hypothesis", ".coverage", "__pycache__", "*.py[cod]"),
    *("*.egg-info", "build", "dist", "dropin.cache", "twistd.log*", "twistd.pid", "*.sock"),
)


def run(
    command: Sequence[str | Path], cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; a failure shows what it printed."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    if done.returncode:
        pytest.fail(f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done


def files_below(folder: Path) -> set[str]:
    """Name the files in a folder and its subfolders, relative to it."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@dataclass(frozen=True)
class Archives:
    """The project's clean files, and the names of the files in what was built from them."""

    tree: Path
    wheel: Path
    wheel_files: frozenset[str]
    sdist_files: frozenset[str]


@dataclass(frozen=True)
class Installation:
    """The wheel unpacked by pip, and a Python that sees it and its dependencies, and nothing else.

    The interpreter runs with -S, so that the .pth files of the environment the tests run in are not
    read: those would bring the checkout back, and its twistd plugin.
    """

    target: Path

    def python(self, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run Python in another folder than the checkout."""
        installed = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        env["PYTHONPATH"] = os.pathsep.join([str(self.target), *dict.fromkeys(installed)])
        return run([sys.executable, "-S", *arguments], cwd=cwd, env=env)


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Archives:
    """Build the source archive, and the wheel from that, as `python -m build` does.

    It works on a copy: a build writes an egg-info folder whose list of files, left from an earlier
    build, would go into this one too.
    """
    folder = tmp_path_factory.mktemp("archives")
    tree = folder / "tree"
    shutil.copytree(ROOT, tree, ignore=_LITTER)
    built = folder / "built"
    # Without isolation no network is needed: setuptools is among the development dependencies.
    run([sys.executable, "-m", "build", "--no-isolation", "--outdir", built, tree], cwd=folder)
    shutil.rmtree(tree / "networkspaces.egg-info")  # made by the build, not a file of ours
    (wheel,) = built.glob("*.whl")
    (sdist,) = built.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as opened_wheel:
        wheel_files = frozenset(n for n in opened_wheel.namelist() if not n.endswith("/"))
    with tarfile.open(sdist) as opened_sdist:
        members = [member.name for member in opened_sdist.getmembers() if member.isfile()]
    return Archives(
        tree=tree,
        wheel=wheel,
        wheel_files=wheel_files,
        sdist_files=frozenset(name.partition("/")[2] for name in members),
    )


@pytest.fixture(scope="session")
def installation(archives: Archives, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Install the wheel, without its dependencies, in a folder of its own."""
    folder = tmp_path_factory.mktemp("installation")
    target = folder / "site"
    options = ["--no-index", "--no-deps", "--no-compile", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(target)]
    run([*command, archives.wheel], cwd=folder)
    return Installation(target)
