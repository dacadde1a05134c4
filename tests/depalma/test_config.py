"""The configuration file: each key, and errors that say where they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from nws.depalma.config import load_config
from nws.errors import DepalmaConfigException

ALL = """\
name = "lab"
server = "nws.example.org:8765"
lost_after = 20
start_timeout = 5.5
max_output = 1000
groups = ["later"]
[front]
interface = "0.0.0.0"
port = 9000
user = "ann"
password = "secret"

[[host]]
name = "one"

[[host]]
name = "two"
launch = "ssh"
slots = 4
groups = ["big", "fast"]
priority = 2
max_load = 3.5
min_memory = 1000
python = "/opt/python"
user = "bob"
server = "unix:/run/nws.sock"

[[host]]
name = "three"
launch = ["docker", "exec", "{name}"]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "lab.toml"
    path.write_text(text)
    return path


def test_every_key_is_read(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, ALL))
    assert (config.name, config.server, config.lost_after, config.start_timeout) == (
        *("lab", "nws.example.org:8765"),
        *(20, 5.5),
    )
    assert (config.max_output, config.groups) == (1000, ["later"])
    front = config.front
    assert (front.interface, front.port, front.user) == ("0.0.0.0", 9000, "ann")
    assert front.password == "secret"
    one, two, three = config.host
    assert (one.launch, one.slots, one.groups, one.priority) == ("local", 0, [], 0)
    assert (two.launch, two.slots, two.groups, two.priority) == ("ssh", 4, ["big", "fast"], 2)
    assert (two.max_load, two.min_memory) == (3.5, 1000)
    assert (two.python, two.user, two.server) == ("/opt/python", "bob", "unix:/run/nws.sock")
    assert three.launch == ["docker", "exec", "{name}"]
    assert "secret" not in f"{config} {config.to_plain()}"


def test_an_empty_file_is_a_cluster_without_hosts(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, ""))
    assert (config.name, config.front.interface, config.front.port) == (
        *("depalma", "127.0.0.1"),
        8767,
    )
    assert config.host == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('name = "lab"', "name = 3"), "line 1: name: Expected `str`, got `int`"),
        (("lost_after = 20", "lost_after = 0"), "line 3: lost_after: Expected `float` >= 1"),
        (("lost_after = 20", "lost_after = nan"), "line 3: lost_after"),
        (
            ("start_timeout", "start_time"),
            "line 4: start_time: .*field `start_time`; there are name, server, lost_after",
        ),
        (("max_output = 1000", "max_output = -1"), "line 5: max_output: Expected `int` >= 0"),
        (('"nws.example.org:8765"', '"nws.example.org"'), "line 2: server: .*HOST:PORT"),
        (("port = 9000", "port = 99999"), "line 9: front.port: Expected `int` <= 65535"),
        (('"ann"', '"a:b"'), "line 10: front.user: Expected `str` matching"),
        (('password = "secret"', "password = 1"), "line 11: front.password"),
        (('name = "one"', ""), r"line 13: host\[0\].name: .*missing required field `name`"),
        (('name = "two"', 'name = "one"'), "line 17: .*name: there are two hosts called 'one'"),
        (('name = "two"', 'name = "-v"'), "line 17: .*name: .*must not begin with a hyphen"),
        (('"ssh"', '"rsh"'), 'line 18: .*launch: .*"local", "ssh", or a list'),
        (("slots = 4", "slots = true"), "line 19: .*slots: Expected `int`, got `bool`"),
        (('["big", "fast"]', '"big"'), "line 20: .*groups: Expected `array`, got `str`"),
        (("priority = 2", "priority = 2.5"), "line 21: .*priority"),
        (
            ("launch = [", "launcher = ["),
            "line 30: .*unknown field `launcher`; there are name, launch, slots",
        ),
        (
            ("[front]", "[font]"),
            "line 7: font: .*unknown field `font`; there are name, .*, front, host$",
        ),
        (("[front]", "front]"), "line 7"),
    ],
)
def test_an_error_names_the_line_and_what_is_expected(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    path = write(tmp_path, ALL.replace(*change))
    with pytest.raises(DepalmaConfigException, match=said) as caught:
        load_config(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ['[host]\nname = "a"', "host = 1", "host = [1]"])
def test_hosts_are_a_list_of_tables(tmp_path: Path, text: str) -> None:
    with pytest.raises(DepalmaConfigException, match=r"host(\[0\])?: Expected"):
        load_config(write(tmp_path, text))


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(DepalmaConfigException, match=r"none\.toml"):
        load_config(tmp_path / "none.toml")
    path = tmp_path / "binary"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DepalmaConfigException, match="cannot be read"):
        load_config(path)
