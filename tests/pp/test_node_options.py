"""The command `nws ppserver`: its options, its file, and where the secret comes from."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nws import pp
from nws.cli import main
from nws.pp import command
from nws.pp.arguments import node_addresses
from nws.pp.secret import secret_for
from nws.session.address import Address
from nws.sleigh.node.node import NodeOptions
from nws.sleigh.node.pattern import broadcast_address
from nws.sleigh.shared.cores import available_cores


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home folder without files, and no secret."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PP_SECRET", raising=False)
    level = logging.getLogger("pp").level
    yield tmp_path
    logging.getLogger("pp").setLevel(level)


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[NodeOptions, Path | None]]:
    """What nodes would be started with."""
    calls: list[tuple[NodeOptions, Path | None]] = []
    monkeypatch.setattr(command, "_run", lambda *arguments: calls.append(arguments))
    return calls


def run(*arguments: str, status: int = 0) -> Result:
    done = CliRunner().invoke(main, ["ppserver", *arguments])
    assert done.exit_code == status, done.output
    return done


def test_defaults(started: list[tuple[NodeOptions, Path | None]]) -> None:
    run("-s", "secret")
    assert started == [
        (
            NodeOptions(
                *("secret", available_cores(), "0.0.0.0", 60000), False, 0.0, 30, broadcast=""
            ),
            None,
        )
    ]


def test_without_discovery_the_broadcast_address_does_not_matter(
    started: list[tuple[NodeOptions, Path | None]],
) -> None:
    run("-s", "secret", "-b", "10.0.255.255")
    assert started[0][0].broadcast == ""


def test_options_together(started: list[tuple[NodeOptions, Path | None]]) -> None:
    run(
        "-dar",
        "-b",
        "10.0.255.255",
        "-n",
        "2",
        "-p",
        "35000",
        "-i",
        "::1",
        "-w",
        "3",
        "-s",
        "x",
        "-t",
        "5",
        "-P",
        "pid",
    )
    assert started == [
        (NodeOptions("x", 3, "::1", 35000, True, 5.0, 30, "10.0.255.255"), Path("pid"))
    ]
    assert logging.getLogger("pp").level == logging.DEBUG


def test_a_file(started: list[tuple[NodeOptions, Path | None]], tmp_path: Path) -> None:
    file = tmp_path / "node.ini"
    file.write_text(
        "[general]\ndebug = yes\nworkers = 2\nsecret = of%the file\nproto = 2\nrestart = on\n"
        "pid_file = node.pid\n[network]\ninterface = 127.0.0.1\nport = 35001\ntimeout = 7\n"
        "socket_timeout = 60\nautodiscovery = true\nbroadcast = 10.255.255.255\n"
    )
    run("-c", str(file), "-w", "4")
    options = NodeOptions("of%the file", 4, "127.0.0.1", 35001, True, 7.0, 60, "10.255.255.255")
    assert started == [(options, Path("node.pid"))]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[general]\nworker = 2\n", "no worker in [general]; there are debug, workers"),
        ("[generals]\n", "no section [generals]; there are general, network"),
        ("[general]\nworkers = two\n", "workers in [general]"),
        ("[general]\nrestart = perhaps\n", "restart in [general]"),
        ("workers = 2\n", "cannot be read"),
        (None, "cannot be read"),
        ("[general]\nworkers = 0\n", "for workers in FILE: 0 is not in the range"),
        ("[network]\nport = 70000\n", "for port in FILE: 70000 is not in the range"),
        ("[network]\nbroadcast = x\n", "for broadcast in FILE: 'x' is no address such as"),
        ("[general]\nformat = %(\n", "for format in FILE: "),
    ],
)
def test_what_is_wrong_in_a_file(text: str | None, said: str, tmp_path: Path) -> None:
    file = tmp_path / "node.ini"
    if text is not None:
        file.write_text(text)
    output = run("-s", "x", "-c", str(file), status=2).output
    assert said.replace("FILE", str(file)) in " ".join(output.split())


def test_a_secret_of_a_file_that_is_none_is_the_files(tmp_path: Path) -> None:
    file = tmp_path / "node.ini"
    file.write_text("[general]\nsecret =\n")
    output = run("-c", str(file), status=2).output
    assert f"the secret (secret in {file}) is empty" in " ".join(output.split())


def test_what_is_wrong_is_said_of_the_option() -> None:
    assert "for -b: 'notanip' is no address such as" in run("-b", "notanip", status=2).output
    assert "for -p: 70000 is not in the range" in run("-p", "70000", status=2).output
    assert "the secret (-s) is empty" in run("-s", "", status=2).output
    assert "-w: 1000000000: one process has" in run("-w", "1000000000", status=2).output


@pytest.mark.parametrize(
    "option", ["-w 0", "-p 70000", "-t -1", "-k 1", "-n x", "-f %(", "-f %(no)s", "-x"]
)
def test_bad_options(option: str) -> None:
    run("-s", "x", *option.split(), status=2)


def test_help_names_every_option() -> None:
    said = run("-h").output
    for letter in "acbdrnipwstkfPh":
        assert f"-{letter}" in said


def test_ps_shows_the_secret(
    started: list[tuple[NodeOptions, Path | None]],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PP_SECRET", "from the environment")
    run()
    assert "ps shows" not in caplog.text
    run("-s", "given")
    assert "ps shows the secret" in caplog.text
    assert [options.secret for options, _ in started] == ["from the environment", "given"]


# The secret


def test_where_the_secret_comes_from(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ValueError, match="nodes need a secret"):
        secret_for(None, "here")
    file = home / ".pythonrc.py"
    file.write_text("import os\npp_secret = 'of ' + 'the file'\n")
    file.chmod(0o644)
    assert secret_for(None, "here") == "of the file"
    assert "can be read by others" in caplog.text
    monkeypatch.setenv("PP_SECRET", "of the environment")
    assert secret_for(None, "here") == "of the environment"
    assert secret_for("given", "here") == "given"


def test_a_file_that_fails_or_has_none(home: Path) -> None:
    file = home / ".pythonrc.py"
    file.write_text("1 / 0\n")
    with pytest.raises(ValueError, match="has failed: ZeroDivisionError"):
        secret_for(None, "here")
    file.write_text("secret = 'x'\n")
    with pytest.raises(ValueError, match="nodes need a secret"):
        secret_for(None, "here")


@pytest.mark.parametrize("secret", ["", pp.Server.default_secret])
def test_secrets_that_are_none(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for ppservers in ((), ("node",)):
        with pytest.raises(ValueError, match="secret"):
            pp.Server(0, ppservers, secret)
    assert "secret" in run("-s", secret, status=2).output
    monkeypatch.setenv("PP_SECRET", secret)
    with pytest.raises(ValueError, match="PP_SECRET"):
        pp.Server(0, ("node",))


def test_a_secret_of_another_type(home: Path) -> None:
    bad: Any = b"bytes"
    with pytest.raises(TypeError, match="secret"):
        pp.Server(0, secret=bad)
    (home / ".pythonrc.py").write_text("pp_secret = 5\n")
    assert "must be a string, not int" in " ".join(run(status=2).output.split())


def test_addresses() -> None:
    given = ("node-1", "node-2:35000", "10.0.0.1", "[::1]:7", "::1", "node-1:60000")
    assert node_addresses(given) == [
        Address("node-1", 60000),
        Address("node-2", 35000),
        Address("10.0.0.1", 60000),
        Address("::1", 7),
        Address("::1", 60000),
    ]
    patterns = node_addresses(("*", "10.0.*:7", "192.168.0.*", "10.*.1.*"))
    assert [(broadcast_address(each.host), each.port) for each in patterns] == [
        ("255.255.255.255", 60000),
        ("10.0.255.255", 7),
        ("192.168.0.255", 60000),
        ("10.255.1.255", 60000),
    ]
