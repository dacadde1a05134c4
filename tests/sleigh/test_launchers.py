"""How a launcher is found: ours, those of other packages, objects and functions."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nws.errors import SleighIllegalValueException
from nws.sleigh import Sleigh, sshcmd
from nws.sleigh.launch.by_command import CommandLauncher
from nws.sleigh.launch.launchers import launcher_for
from nws.sleigh.launch.local import LocalLauncher
from nws.sleigh.launch.web import WebLauncher
from tests.support.processes import run_python


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which a package with launchers is installed."""
    information = tmp_path / "acme_launchers-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-launchers\nVersion: 1")
    (information / "entry_points.txt").write_text(
        "[nws.launchers]\nacme = acme_launchers:AcmeLauncher\nbroken = acme_broken:Any\n"
        "local = acme_launchers:AcmeLauncher\n"
    )
    (tmp_path / "acme_launchers.py").write_text(
        "from nws.sleigh.launch.local import LocalLauncher\n\n\n"
        "class AcmeLauncher(LocalLauncher):\n    pass\n"
    )
    (tmp_path / "acme_broken.py").write_text("import acme_what_is_missing\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "acme_launchers", raising=False)
    return tmp_path


def test_names() -> None:
    assert isinstance(launcher_for("local"), LocalLauncher)
    assert isinstance(launcher_for("web"), WebLauncher)
    assert isinstance(launcher_for("ssh"), CommandLauncher)
    assert isinstance(launcher_for("rsh"), CommandLauncher)


def test_an_object_and_a_function() -> None:
    launcher = LocalLauncher()
    assert launcher_for(launcher) is launcher
    assert isinstance(launcher_for(sshcmd), CommandLauncher)


def test_a_class() -> None:
    with pytest.raises(SleighIllegalValueException, match=r"make a launcher.* LocalLauncher\(\)"):
        launcher_for(LocalLauncher)


def test_a_launcher_of_another_package(installed: Path) -> None:
    """Ours keep their names."""
    assert type(launcher_for("acme")).__name__ == "AcmeLauncher"
    assert type(launcher_for("local")) is LocalLauncher


def test_a_package_that_cannot_be_imported(installed: Path) -> None:
    said = r"launch='broken': .* acme_broken:Any of acme-launchers .* No module named 'acme_what"
    with pytest.raises(SleighIllegalValueException, match=said):
        launcher_for("broken")


def test_an_unknown_name(installed: Path) -> None:
    with pytest.raises(SleighIllegalValueException, match=r"but local, .*, acme, broken"):
        launcher_for("acme2")


def test_a_local_sleigh_does_not_look_what_is_installed(tmp_path: Path) -> None:
    code = (
        "import sys; from nws.sleigh.launch.launchers import launcher_for; launcher_for('local'); "
        "sys.exit('importlib.metadata' in sys.modules)"
    )
    run_python("-c", code, cwd=tmp_path)


def test_a_sleigh_with_a_launcher_of_another_package(installed: Path) -> None:
    """It is as good as ours: this one starts workers here, with a private server."""
    with Sleigh(launch="acme", workerCount=1) as sleigh:
        assert sleigh.map(abs, [-1]) == [1]
