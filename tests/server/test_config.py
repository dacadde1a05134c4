"""Where settings come from, and what becomes of those that cannot be used."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from twisted.python import usage

from nws_server.__main__ import RunOptions
from nws_server.config import Config, ConfigError
from nws_server.tap import ServerOptions


def from_environment(**environ: str) -> Config:
    return Config.from_environment(environ)


def test_without_settings_only_this_machine_gets_in() -> None:
    config = from_environment()
    assert config == Config(web="tcp:8766:interface=127.0.0.1", web_must=False)
    assert config.listen == ("tcp:8765:interface=127.0.0.1",)
    assert config.long_value_size == 16 * 1024 * 1024
    assert config.extensions


@pytest.mark.parametrize(
    ("interface", "endpoint"),
    [
        ("", "tcp:8765"),
        ("0.0.0.0", "tcp:8765"),
        ("10.0.0.1", "tcp:8765:interface=10.0.0.1"),
        ("::1", r"tcp:8765:interface=\:\:1"),
    ],
)
def test_the_interface(interface: str, endpoint: str) -> None:
    config = Config.from_environment({"NWS_INTERFACE": interface}, plain=True)
    assert config.listen == (endpoint,)


def test_the_environment_sets_what_it_names(tmp_path: Path) -> None:
    config = from_environment(
        NWS_SERVER_PORT=" 8000 ",
        NWS_TMP_DIR=str(tmp_path),
        NWS_LONG_VALUE_SIZE="1000",
        NWS_MAX_VALUE_SIZE="2000",
        NWS_MEMORY_LIMIT="3000",
        NWS_SPOOL_LIMIT="0",
        NWS_MAX_CONNECTIONS="5",
    )
    assert config == Config(
        listen=("tcp:8000:interface=127.0.0.1",),
        web="tcp:8001:interface=127.0.0.1",
        web_must=False,
        tmp_dir=tmp_path,
        long_value_size=1000,
        max_value_size=2000,
        memory_limit=3000,
        spool_limit=0,
        max_connections=5,
    )


def test_how_to_send_and_receive() -> None:
    assert from_environment().io == "fast"
    assert from_environment(NWS_IO="").io == "fast"
    assert from_environment(NWS_IO="plain").io == "plain"
    assert Config.from_environment({"NWS_IO": "plain"}, io="fast").io == "fast"
    with pytest.raises(ConfigError, match="'slow' is no kind of I/O; choose from fast, plain"):
        from_environment(NWS_IO="slow")


def test_an_empty_setting_is_none() -> None:
    names = ("NWS_SERVER_PORT", "NWS_TMP_DIR", "NWS_LONG_VALUE_SIZE", "NWS_MEMORY_LIMIT")
    assert from_environment(**dict.fromkeys(names, "")) == from_environment()


def test_the_size_of_long_values_has_a_lower_bound() -> None:
    assert from_environment(NWS_LONG_VALUE_SIZE="1").long_value_size == 64
    assert Config.from_environment({}, long_value_size=1).long_value_size == 64


def test_what_is_given_comes_before_the_environment() -> None:
    environ = {"NWS_MAX_CONNECTIONS": "5", "NWS_MEMORY_LIMIT": "6"}
    config = Config.from_environment(environ, max_connections=7, memory_limit=None)
    assert (config.max_connections, config.memory_limit) == (7, 6)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NWS_SERVER_PORT", "abc"),
        ("NWS_SERVER_PORT", "-1"),
        ("NWS_SERVER_PORT", "65536"),
        ("NWS_LONG_VALUE_SIZE", "16M"),
        ("NWS_MAX_VALUE_SIZE", "1e6"),
        ("NWS_MEMORY_LIMIT", "-5"),
        ("NWS_SPOOL_LIMIT", "0x10"),
        ("NWS_MAX_CONNECTIONS", "0"),
        ("NWS_MAX_CONNECTIONS", 5000 * "9"),
    ],
)
def test_a_wrong_number_is_named_with_its_setting(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}='{value}' is not a whole number"):
        from_environment(**{name: value})


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the folder for long values, .*nowhere', does not"):
        from_environment(NWS_TMP_DIR=str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    "endpoint",
    [
        "tcp:8765",
        "tcp:8765:0.0.0.0",
        "tcp:8765:interface=10.0.0.1",
        "tcp:8765:backlog=5",
        "tcp:8765:backlog=5:interface=",
        r"tcp:8765:interface=\:\:",
        "tcp6:8765",
        r"tcp6:8765:interface=fe80\:\:1",
    ],
)
def test_other_machines_only_if_that_is_meant(endpoint: str) -> None:
    for setting in ("listen", "web"):
        given: dict[str, Any] = {setting: (endpoint,) if setting == "listen" else endpoint}
        with pytest.raises(ConfigError, match=r"listens to other machines.*--plain"):
            Config(**given)
        Config(**given, plain=True)


@pytest.mark.parametrize(
    "endpoint",
    [
        "tcp:1:127.0.0.1",
        "tcp:1:interface=127.0.0.3",
        "tcp:1:interface=localhost",
        r"tcp:1:interface=\:\:1",
        r"tcp6:1:interface=\:\:1",
        "unix:socket",
    ],
)
def test_this_machine_needs_no_permission(endpoint: str) -> None:
    Config(listen=(endpoint,))


@pytest.mark.parametrize(
    "secret", ["short", "with a blank in it", "ann@example.com-and-more", "ä" * 20]
)
def test_a_secret_that_will_not_do(secret: str) -> None:
    with pytest.raises(ConfigError, match=r"the secret of NWS_SECRET must have") as caught:
        from_environment(NWS_SECRET=secret)
    assert secret not in str(caught.value)


def test_a_secret_is_not_shown() -> None:
    secret = "a-secret-that-nobody-knows"
    assert from_environment(NWS_SECRET=secret).secret == secret
    assert secret not in repr(from_environment(NWS_SECRET=secret))


def test_who_may_come_in_without_it() -> None:
    assert from_environment().original == "same-user"
    with pytest.raises(ConfigError, match="'nobody' is none of same-user, never, anyone"):
        Config(original="nobody")


@pytest.mark.parametrize("endpoint", ["", "garbage", "8765", "tcp:abc", "tcp:1:no=2", "unix"])
def test_endpoints_that_cannot_be_read(endpoint: str) -> None:
    with pytest.raises(ConfigError, match="it cannot listen on "):
        Config(listen=("unix:socket", endpoint))


@pytest.mark.parametrize(
    ("port", "web"),
    [("", "tcp:8766"), ("9000", "tcp:9001"), ("0", "tcp:0"), ("65535", "tcp:0")],
)
def test_the_inspector_is_beside_the_server(port: str, web: str) -> None:
    environ = {"NWS_SERVER_PORT": port, "NWS_INTERFACE": ""}
    config = Config.from_environment(environ, plain=True)
    assert config.web == web
    assert not config.web_must


@pytest.mark.parametrize(
    ("port", "web"), [("80", "tcp:80:interface=127.0.0.1"), ("0", "tcp:0:interface=127.0.0.1")]
)
def test_where_the_inspector_must_be(port: str, web: str) -> None:
    config = from_environment(NWS_WEB_PORT=port)
    assert config.web == web
    assert config.web_must


def test_no_inspector() -> None:
    assert from_environment(NWS_WEB_PORT="none").web is None
    assert Config.from_environment({}, web="none").web is None
    assert Config.from_environment({"NWS_WEB_PORT": "80"}, web="none").web is None


def test_who_says_where_to_listen_says_where_the_inspector_is() -> None:
    assert Config.from_environment({}, listen=("unix:1",)).web is None
    assert Config.from_environment({}, listen=("unix:1",), web="unix:2").web == "unix:2"


def test_settings_of_the_inspector(tmp_path: Path) -> None:
    config = from_environment(NWS_WEB_SERVED_DIR=str(tmp_path))
    assert config.web_folder == tmp_path
    with pytest.raises(ConfigError, match="NWS_WEB_PORT='x' is not a whole number"):
        from_environment(NWS_WEB_PORT="x")
    with pytest.raises(ConfigError, match=r"the folder for clients, .*nowhere'"):
        from_environment(NWS_WEB_SERVED_DIR=str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match="'kind' is no babelfish; choose from safe, trus"):
        Config(babelfish="kind")


def test_settings_say_where_they_come_from(tmp_path: Path) -> None:
    environ = {"NWS_TMP_DIR": str(tmp_path), "NWS_MEMORY_LIMIT": "5", "NWS_WEB_PORT": "1"}
    config = Config.from_environment(environ, memory_limit=6)
    assert config.origins == {
        "tmp_dir": "NWS_TMP_DIR",
        "memory_limit": "--memory-limit",
        "web": "NWS_WEB_PORT",
    }


def test_a_server_listens_somewhere() -> None:
    with pytest.raises(ConfigError, match="must listen somewhere"):
        Config(listen=())


# Options


def parsed(*arguments: str) -> Config:
    options = ServerOptions()
    options.parseOptions(list(arguments))
    return options.config()


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the environment of whoever runs the tests out of them."""
    for name in ("NWS_INTERFACE", "NWS_SERVER_PORT", "NWS_TMP_DIR", "NWS_LONG_VALUE_SIZE"):
        monkeypatch.delenv(name, raising=False)


def test_no_options_are_the_defaults() -> None:
    assert parsed() == from_environment()


def test_all_options(tmp_path: Path) -> None:
    config = parsed(
        *("--listen", "tcp:1:interface=127.0.0.1", "-l", "unix:/run/nws.sock:mode=600"),
        *("--tmp-dir", str(tmp_path), "--long-value-size", "1000", "--max-value-size=2000"),
        *("--memory-limit=3000", "--spool-limit=4000", "--max-connections=5", "--no-extensions"),
        *(
            "--plain",
            "--original=never",
            "--web",
            "tcp:3",
            "--web-read-only",
            "--web-name=a.example",
            "--web-name",
            "b.example",
        ),
        *("--web-folder", str(tmp_path), "--babelfish=trusting"),
    )
    assert config == Config(
        listen=("tcp:1:interface=127.0.0.1", "unix:/run/nws.sock:mode=600"),
        tmp_dir=tmp_path,
        long_value_size=1000,
        max_value_size=2000,
        memory_limit=3000,
        spool_limit=4000,
        max_connections=5,
        extensions=False,
        plain=True,
        original="never",
        web="tcp:3",
        web_actions=False,
        web_names=("a.example", "b.example"),
        web_folder=tmp_path,
        babelfish="trusting",
    )


def test_options_come_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NWS_SERVER_PORT", "1")
    monkeypatch.setenv("NWS_LONG_VALUE_SIZE", "1000")
    config = parsed("--listen", "unix:2")
    assert (config.listen, config.long_value_size) == (("unix:2",), 1000)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--memory-limit", "abc"], "--memory-limit='abc' is not a whole number of at least 0"),
        (["--max-connections=0"], "--max-connections='0' is not a whole number of at least 1"),
        (["--spool-limit=-1"], "--spool-limit='-1' is not"),
        (["--listen", "garbage"], "it cannot listen on 'garbage'"),
        (["--tmp-dir", "/no/such/folder"], "does not exist"),
        (["--web", "garbage"], "it cannot listen on 'garbage'"),
        (["--babelfish=gold"], "'gold' is no babelfish"),
        (["--io=slow"], "'slow' is no kind of I/O; choose from fast, plain"),
        (["--nonsense"], "--nonsense not recognized"),
        (["nonsense"], "Wrong number of arguments"),
    ],
)
def test_wrong_options_are_told_at_once(arguments: list[str], message: str) -> None:
    with pytest.raises(usage.UsageError, match=message):
        ServerOptions().parseOptions(arguments)


def test_a_wrong_setting_in_the_environment_is_told_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NWS_SERVER_PORT", "abc")
    with pytest.raises(usage.UsageError, match="NWS_SERVER_PORT='abc'"):
        ServerOptions().parseOptions([])


def test_each_setting_is_described() -> None:
    options: Any = ServerOptions()
    described = " ".join(options.getUsage().split())
    for row in [*ServerOptions.optParameters, *ServerOptions.optFlags]:
        assert f"--{row[0]}" in described


@pytest.mark.parametrize("kind", [ServerOptions, RunOptions])
def test_each_setting_tells_its_default(kind: type[ServerOptions]) -> None:
    described = kind().getUsage().partition("\n\n")[0]
    for option in re.split(r"\n(?=      --|  -\w, --)", described):
        if "= " in option:
            assert "default: " in " ".join(option.split())
