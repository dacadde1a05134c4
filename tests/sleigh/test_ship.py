"""Code that a sleigh brings with it: `Sleigh(ship=...)`."""

from __future__ import annotations

import io
import logging
import os
import signal
import stat
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nws.client import NetWorkSpace
from nws.sleigh import Sleigh, SleighIllegalValueException, SleighJoinException
from nws.sleigh.master.shipment import shipment_of
from nws.sleigh.shared.messages import RANK_COUNT, SHIPMENT, WORKER_COUNT
from nws.sleigh.shared.protocol import PROTOCOL, announcement
from nws.sleigh.shared.settings import Settings, Where
from nws.sleigh.supervisor.shipped_code import ShippedCode
from nws.sleigh.supervisor.supervisor import Supervisor
from nws.testing import MemoryServer
from tests.support.processes import until, until_gone
from tests.support.server import Server
from tests.support.spaces import HOST

CODE = """\
from pathlib import Path

def read():
    return Path(__file__).with_name("data.txt").read_text(), __file__
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with a data file, compiled byte code and what an editor has left."""
    folder = tmp_path / "shipped_package"
    (folder / "deeper").mkdir(parents=True)
    (folder / "__pycache__").mkdir()
    (folder / "__init__.py").write_text(CODE)
    (folder / "deeper" / "__init__.py").write_text("DEPTH = 2\n")
    (folder / "data.txt").write_text("some data")
    (folder / "__pycache__" / "__init__.pyc").write_bytes(b"x")
    (folder / ".swp").write_bytes(b"x")
    return folder


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files of this process and of those that it starts."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def space() -> Iterator[NetWorkSpace]:
    with MemoryServer() as server, server.connect() as client:
        yield client.openWs("sleigh")


def shipped_folders(temporary: Path) -> list[Path]:
    return sorted(temporary.glob("nws-shipped-*"))


def names_in(shipment: bytes | None) -> list[str]:
    assert shipment is not None
    with zipfile.ZipFile(io.BytesIO(shipment)) as archive:
        return sorted(archive.namelist())


# At the master


def test_a_package_goes_with_its_data_files(package: Path) -> None:
    assert names_in(shipment_of([package])) == [
        "shipped_package/__init__.py",
        "shipped_package/data.txt",
        "shipped_package/deeper/__init__.py",
    ]


def test_a_module_goes_by_its_name(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (package.parent / "shipped_module.py").touch()
    monkeypatch.syspath_prepend(str(package.parent))
    names = names_in(shipment_of(["shipped_module", "shipped_package"]))
    assert "shipped_module.py" in names
    assert "shipped_package/data.txt" in names


def test_all_parts_of_a_namespace_package_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part, text in (("b", "hidden"), ("a", "seen")):
        (tmp_path / part / "shipped_space").mkdir(parents=True)
        (tmp_path / part / "shipped_space" / f"{part}.py").touch()
        (tmp_path / part / "shipped_space" / "both.py").write_text(text)
        monkeypatch.syspath_prepend(str(tmp_path / part))
    shipment = shipment_of(["shipped_space"])
    assert names_in(shipment) == [f"shipped_space/{each}.py" for each in ("a", "b", "both")]
    assert shipment is not None
    with zipfile.ZipFile(io.BytesIO(shipment)) as archive:
        assert archive.read("shipped_space/both.py") == b"seen"


def test_links_are_followed(package: Path, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "module.py").touch()
    (tmp_path / "far" / "back").symlink_to(package)
    (package / "near").symlink_to(tmp_path / "far")
    (tmp_path / "shipped_alias").symlink_to(package)
    assert names_in(shipment_of([tmp_path / "shipped_alias"])) == [
        "shipped_alias/__init__.py",
        "shipped_alias/data.txt",
        "shipped_alias/deeper/__init__.py",
        "shipped_alias/near/module.py",
    ]


def test_byte_code_of_a_module_that_is_there_is_left_out(package: Path) -> None:
    (package / "__init__.pyc").touch()
    assert "shipped_package/__init__.pyc" not in names_in(shipment_of([package]))


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("nowhere")])
def test_what_is_no_file_is_refused_with_its_name(package: Path, make: Any) -> None:
    make(package / "deeper" / "odd")
    with pytest.raises(SleighIllegalValueException, match="deeper/odd' is no file"):
        shipment_of([package])


def test_a_folder_that_cannot_be_listed_is_refused(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scandir(path: str) -> Any:
        if path.endswith("deeper"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    real = os.scandir
    monkeypatch.setattr(os, "scandir", scandir)  # root can list any
    with pytest.raises(SleighIllegalValueException, match=r"Permission denied: .*deeper"):
        shipment_of([package])


def test_nothing_is_nothing() -> None:
    assert shipment_of([]) is None


@pytest.mark.parametrize(
    "name", ["_fast.cpython-311-x86_64-linux-gnu.so", "x.pyd", "libx.dylib", "no_source.pyc"]
)
def test_compiled_code_is_refused_with_its_name(package: Path, name: str) -> None:
    (package / "deeper" / name).touch()
    with pytest.raises(SleighIllegalValueException, match="is compiled") as caught:
        shipment_of([package])
    assert str(package / "deeper" / name) in str(caught.value)


def test_a_compiled_module_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shipped_fast.abi3.so").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    for each in ("shipped_fast", tmp_path / "shipped_fast.abi3.so"):
        with pytest.raises(SleighIllegalValueException, match="is compiled"):
            shipment_of([each])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("json.py", "would hide the module 'json'"),
        ("nws.py", "would hide the module 'nws'"),
        ("cloudpickle.py", "would hide the module 'cloudpickle'"),
        ("two words.py", "is no module"),
        ("notes.txt", "is no module"),
        ("missing.py", "is neither a file or folder nor a module"),
    ],
)
def test_what_cannot_be_a_module_there_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    if name != "missing.py":
        (tmp_path / name).touch()
    with pytest.raises(SleighIllegalValueException, match=reason):
        shipment_of([tmp_path / name])


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (3, "is neither a name nor a path"),
        (os, "is neither a name nor a path"),
        ("", "is neither a file or folder nor a module"),
        ("os", "workers have the module 'os' already"),
    ],
)
def test_what_names_nothing_to_send_is_refused(odd: Any, reason: str) -> None:
    with pytest.raises(SleighIllegalValueException, match=reason):
        shipment_of([odd])


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shipped_nothing" / "__pycache__").mkdir(parents=True)
    with pytest.raises(SleighIllegalValueException, match="shipped_nothing' has no files"):
        shipment_of([tmp_path / "shipped_nothing"])


def test_a_name_that_is_no_text_is_refused(package: Path) -> None:
    (package / os.fsdecode(b"odd \xff")).touch()
    with pytest.raises(SleighIllegalValueException, match=r"odd .* cannot be sent"):
        shipment_of([package])


def test_two_of_one_name_are_refused(package: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "shipped_package.py"
    other.parent.mkdir()
    other.touch()
    with pytest.raises(SleighIllegalValueException, match="two modules of the name"):
        shipment_of([package, other])


def test_a_text_is_no_list() -> None:
    with pytest.raises(SleighIllegalValueException, match="write \\['package'\\]"):
        shipment_of("package")


def test_none_is_no_list() -> None:
    with pytest.raises(SleighIllegalValueException, match="ship=None is not a list"):
        shipment_of(None)  # type: ignore[arg-type]


# On a machine


def test_it_is_found_first_and_removed(
    space: NetWorkSpace, package: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    space.store(SHIPMENT, shipment_of([package]))
    code = ShippedCode(space)
    assert code.folder is not None
    assert sys.path[0] == str(code.folder)
    assert (code.folder / "shipped_package" / "data.txt").read_text() == "some data"
    assert code.folder.stat().st_mode & 0o077 == 0
    code.close()
    assert shipped_folders(temporary) == []
    assert not any("nws-shipped-" in each for each in sys.path)


def test_programs_stay_executable_and_nothing_else_is_kept_of_a_mode(
    space: NetWorkSpace, package: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (package / "tool").write_text("#!/bin/sh\necho done\n")
    (package / "tool").chmod(0o4777)
    (package / "data.txt").chmod(0o666)
    os.utime(package / "data.txt", (0, 0))  # before the years that an archive knows
    space.store(SHIPMENT, shipment_of([package]))
    code = ShippedCode(space)
    assert code.folder is not None
    folder = code.folder / "shipped_package"
    usual = folder.joinpath("__init__.py").stat().st_mode
    assert folder.joinpath("data.txt").stat().st_mode == usual
    assert folder.joinpath("tool").stat().st_mode == usual | stat.S_IXUSR
    assert subprocess.run([folder / "tool"], capture_output=True, check=True).stdout == b"done\n"
    code.close()


def test_without_a_shipment_there_is_no_folder(space: NetWorkSpace, temporary: Path) -> None:
    ShippedCode(space).close()
    assert shipped_folders(temporary) == []


@pytest.mark.parametrize("odd", [7, "x", b"no archive", {}])
def test_what_is_no_code_is_refused(space: NetWorkSpace, temporary: Path, odd: Any) -> None:
    space.store(SHIPMENT, odd)
    with pytest.raises(OSError, match="'shipment' holds no code"):
        ShippedCode(space)
    assert shipped_folders(temporary) == []


def test_what_a_killed_supervisor_has_left_is_removed(
    space: NetWorkSpace, package: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (temporary / "nws-shipped-left" / "module").mkdir(parents=True)
    space.store(SHIPMENT, shipment_of([package]))
    first, second = ShippedCode(space), ShippedCode(space)
    assert shipped_folders(temporary) == sorted([first.folder, second.folder])  # type: ignore[type-var]
    for code in (first, second):
        code.close()


def test_who_cannot_join_leaves_nothing(server: Server, package: Path, temporary: Path) -> None:
    with NetWorkSpace("too late", HOST, server.port) as late:
        late.store(PROTOCOL, announcement())
        late.store(RANK_COUNT, -1)
        late.store(WORKER_COUNT, 1)
        late.store(SHIPMENT, shipment_of([package]))
        where = Where(HOST, server.port, "too late", "too late", 30.0, logging.WARNING)
        with pytest.raises(SleighJoinException, match="too late to join"):
            Supervisor(Settings(where, "0"))
    assert shipped_folders(temporary) == []


# All together


@pytest.mark.slow
def test_workers_find_it_also_after_their_supervisor_was_killed(
    package: Path, temporary: Path, on_server: dict[str, Any]
) -> None:
    read = "__import__('shipped_package').read()"
    with Sleigh(**on_server, workerCount=2, ship=[package]) as sleigh:
        (package / "data.txt").write_text("changed")
        for text, file in sleigh.eachWorker(read):
            assert text == "some data", "as it was when the sleigh was made"
            assert (
                Path(file).parts[: len(temporary.parts) + 1] == shipped_folders(temporary)[0].parts
            )
        workers = sleigh.eachWorker("__import__('os').getpid()")
        supervisor = sleigh.eachElem("__import__('os').getppid()", [0])[0]
        os.kill(supervisor, signal.SIGKILL)
        until_gone([supervisor, *workers])
        assert sleigh.eachElem(read, [0])[0][0] == "some data"
    until(lambda: not shipped_folders(temporary), "the folder is removed")
    with Sleigh(**on_server, workerCount=1, ship=[package]) as sleigh:
        assert sleigh.eachElem(read, [0])[0][0] == "changed"
