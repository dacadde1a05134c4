"""Settings: where they come from, `nws config`, and errors in files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nws import settings
from nws.settings import SETTINGS, Setting, SettingsError, environment, find_settings, setting_files
from nws_server.config import IO_KINDS, NUMBERS, Config, ConfigError
from tests.cli.conftest import Nws
from tests.support.processes import run_python
from tests.support.spaces import HOST


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def found(file: Path, text: str, **environ: str) -> dict[str, tuple[str, str]]:
    """Return the settings that are not the defaults."""
    file.write_text(text)
    all_settings = find_settings({"NWS_CONFIG": str(file), **environ})
    return {name: (value, origin) for name, (value, origin) in all_settings.items() if origin}


def test_a_variable_comes_before_a_file(file: Path) -> None:
    text = 'memory_limit = 5\n\n  "peer_timeout"=9\ninterface = "0.0.0.0"'
    assert found(file, text, NWS_MEMORY_LIMIT="7") == {
        "memory_limit": ("7", "NWS_MEMORY_LIMIT"),
        "peer_timeout": ("9", f"{file}:3"),
        "interface": ("0.0.0.0", f"{file}:4"),
    }


def test_empty_variables(file: Path) -> None:
    variables = {"NWS_MEMORY_LIMIT": "", "NWS_INTERFACE": ""}
    assert found(file, "memory_limit = 5", **variables) == {
        "memory_limit": ("5", f"{file}:1"),
        "interface": ("", "NWS_INTERFACE"),
    }


def test_the_users_file_comes_before_the_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("NWS_CONFIG", raising=False)
    machine = tmp_path / "machine.toml"
    machine.write_text("memory_limit = 1\nspool_limit = 2\n")
    monkeypatch.setattr(settings, "_MACHINE_FILE", machine)
    assert setting_files() == [tmp_path / "nws" / "config.toml", machine]
    assert find_settings()["memory_limit"] == ("1", f"{machine}:1")
    (tmp_path / "nws").mkdir()
    (tmp_path / "nws" / "config.toml").write_text("memory_limit = 3\n")
    assert find_settings()["memory_limit"].value == "3"
    assert find_settings()["spool_limit"].value == "2"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a = 1", ":1: there is no setting 'a'; `nws config` lists them"),
        (
            "io = 'plain'\nmemory-limit = 1",
            ":2: there is no setting 'memory-limit'; 'memory_limit' is one",
        ),
        ("[server]\nio = 'plain'", ":1: there is no setting 'server'"),
        ("memory_limit = 'much'", ":1: memory_limit = 'much' is not a whole number of at least 0"),
        ("memory_limit = true", "True is not a whole number"),
        ("memory_limit = -1", "-1 is not a whole number"),
        ("peer_timeout = 2", "2 is not a whole number of at least 3"),
        ("server_port = 65536", "65536 is not a whole number from 0 to 65535"),
        ("web_port = 'no'", "'no' is not a whole number from 0 to 65535 or \"none\""),
        ("io = 5", ":1: io = 5 is no text"),
        ("io", "is not TOML: "),
        ("io = 'a'\nio = 'b'", "is not TOML: "),
        ("\xff", "is not TOML: "),
    ],
)
def test_errors_in_a_file(file: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        found(file, text)
    assert str(file) in str(caught.value)
    assert says in str(caught.value)


def test_a_file_that_cannot_be_read(file: Path) -> None:
    environ = {"NWS_CONFIG": str(file)}
    with pytest.raises(SettingsError, match="names a file that is not there"):
        find_settings(environ)
    file.mkdir()
    with pytest.raises(SettingsError, match="cannot be read"):
        find_settings(environ)
    file.rmdir()
    file.write_bytes(b"io = '\xff'")
    with pytest.raises(SettingsError, match="cannot be read"):
        find_settings(environ)
    assert find_settings({"NWS_CONFIG": ""})["io"].origin == ""


def test_the_server_reads_the_same(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'memory_limit = 5\nserver_port = 9000\nweb_port = "none"\nio = "plain"\ntmp_dir = "/"\n'
    file.write_text(text)
    monkeypatch.setenv("NWS_CONFIG", str(file))
    monkeypatch.setenv("NWS_MAX_CONNECTIONS", "9")
    config = Config.from_environment(io="fast")
    assert config.listen == ("tcp:9000:interface=127.0.0.1",)
    assert (config.memory_limit, config.web, config.tmp_dir) == (5, None, Path("/"))
    assert config.origins == {
        "memory_limit": f"{file}:1",
        "listen": f"{file}:2",
        "web": f"{file}:3",
        "io": "--io",
        "tmp_dir": f"{file}:5",
        "max_connections": "NWS_MAX_CONNECTIONS",
    }
    file.write_text("memory_limit = -1\n")
    with pytest.raises(ConfigError, match=r"config\.toml:1: memory_limit = -1"):
        Config.from_environment()


def test_the_table_is_that_of_the_server() -> None:
    spans = {setting.name: setting.span for setting in SETTINGS}
    for name, minimum in NUMBERS.items():
        span = spans[name]
        assert span is not None
        assert span[0] == minimum
    defaults = {setting.name: setting.default for setting in SETTINGS}
    for name in NUMBERS:
        default = getattr(Config(), name)
        assert defaults[name] == ("" if default is None else str(default))
    words = {setting.name: setting.words for setting in SETTINGS}
    assert defaults["io"] == Config().io
    assert words["io"] == IO_KINDS


def test_an_environment_is_completed(file: Path) -> None:
    file.write_text("memory_limit = 5\n")
    environ = {"NWS_CONFIG": str(file), "A": "b"}
    assert environment(environ) == (
        {**environ, "NWS_MEMORY_LIMIT": "5"},
        {"NWS_MEMORY_LIMIT": f"{file}:1"},
    )


def test_shown_by_the_command(nws: Nws, file: Path) -> None:
    nws.env = {"NWS_CONFIG": str(file), "NWS_WEB_KEY": "secret"}
    file.write_text("memory_limit = 5\n")
    content = nws.json("config")
    origins = {row["setting"]: (row["value"], row["origin"]) for row in content["settings"]}
    assert origins["memory_limit"] == (5, f"{file}:1")
    assert origins["web_key"] == ("(hidden)", "NWS_WEB_KEY")
    assert origins["server_port"] == (8765, "default")
    assert origins["spool_limit"] == (None, "default")
    assert origins["tmp_dir"] == ("", "default")
    text = nws("config").stdout
    assert f"{file}: read" in text
    assert "secret" not in text


def test_wrong_variables_are_named(nws: Nws, file: Path) -> None:
    nws.env = {"NWS_CONFIG": "", "NWS_MEMORY_LIMIT": "x", "NWS_IO": "slow", "NWS_WEB_PORT": "none"}
    done = nws("config", status=2)
    assert "NWS_MEMORY_LIMIT: 'x' is not a whole number of at least 0; " in done.stderr
    assert "NWS_IO: 'slow' is not one of fast, plain" in done.stderr
    assert "NWS_WEB_PORT" not in done.stderr
    assert "server_port" in done.stdout
    printed = json.loads(nws("config", "--json", status=2).stdout)
    values = {row["setting"]: row["value"] for row in printed["settings"]}
    assert (values["memory_limit"], values["web_port"]) == ("x", "none")


@pytest.mark.parametrize("text", ["5", " 5 ", "0"])
def test_numbers_of_variables(text: str) -> None:
    Setting("memory_limit", span=(0, 9)).check_text(text)
    with pytest.raises(ValueError, match="not a whole number"):
        Setting("memory_limit", span=(6, 9)).check_text(text)


def test_commands_use_them(shared: Nws, file: Path) -> None:
    port = shared.env["NWS_SERVER_PORT"]
    file.write_text(f'server_host = "{HOST}"\nserver_port = {port}\n')
    shared.env = {"NWS_CONFIG": str(file)}
    assert "__default" in shared("ls").stdout
    assert "__default" not in shared("ls", "--port", "1", status=3).stdout
    file.write_text("server_port = 'x'\n")
    assert f"{file}:1: server_port = 'x'" in shared("ls", status=2).stderr
    shared.env = {"NWS_SERVER_PORT": "x"}
    assert "NWS_SERVER_PORT" in shared("ls", status=2).stderr


def test_a_server_says_which_line_is_wrong(file: Path, tmp_path: Path) -> None:
    file.write_text("memory_limit = 'x'\n")
    env = {"NWS_CONFIG": str(file)}
    done = run_python("-m", "nws_server", cwd=tmp_path, env=env, status=2)
    assert f"{file}:1: memory_limit = 'x'" in done.stderr
    assert "Traceback" not in done.stderr
