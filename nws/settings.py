"""Settings: their names, where each comes from, and the files that they can stand in.

A setting has one name: ``memory_limit`` is the key in a file, ``NWS_MEMORY_LIMIT`` the variable of
the environment. Of these, the first that has it counts: an option of the command line, the
variable, the user's file, the machine's file, the default. docs/operations.md lists the settings.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

__all__ = [
    "SETTINGS",
    "FoundSetting",
    "Setting",
    "SettingsError",
    "environment",
    "find_settings",
    "setting_files",
]

FILES_VARIABLE: Final = "NWS_CONFIG"
"""Names a file that is read in place of the user's and the machine's; empty for none."""

_MACHINE_FILE: Final = Path("/etc/nws/config.toml")
_MAX_NUMBER: Final = 2**63 - 1
_MAX_PORT: Final = 65535


class SettingsError(Exception):
    """A file of settings cannot be used; the message names the file, the line and the remedy."""


class Setting(NamedTuple):
    """One setting.

    Attributes:
        name: its key in a file.
        default: as a text; empty if there is none.
        span: of a whole number; None for a text.
        words: texts that are allowed: in place of a number, or as its only values.
        secret: is not shown.
    """

    name: str
    default: str = ""
    span: tuple[int, int] | None = None
    words: tuple[str, ...] = ()
    secret: bool = False

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return f"NWS_{self.name.upper()}"

    def check(self, value: object) -> str:
        """Return a value in a file as the text that it is in the environment.

        Raises:
            ValueError: it is no value of this setting; the message says what is.
        """
        if self.span is None:
            if not isinstance(value, str):
                raise ValueError(f"{value!r} is no text: put it into quotes")
            if self.words and value not in self.words:
                raise ValueError(f"{value!r} is not one of {', '.join(self.words)}")
            return value
        low, high = self.span
        if value in self.words:
            return str(value)
        if type(value) is not int or not low <= value <= high:
            span = f"of at least {low}" if high == _MAX_NUMBER else f"from {low} to {high}"
            words = "".join(f' or "{word}"' for word in self.words)
            raise ValueError(f"{value!r} is not a whole number {span}{words}")
        return str(value)

    def check_text(self, text: str) -> None:
        """Raise ValueError if what a variable of the environment holds is no value of this setting;
        the message says what is."""
        text = text.strip()
        self.check(int(text) if self.span is not None and text.isdecimal() else text)

    def typed(self, text: str) -> int | str | None:
        """Return what a text stands for: of a number the number, or None if it is empty."""
        if self.span is None:
            return text
        return int(text) if text.strip().isdecimal() else text or None


SETTINGS: Final = (
    Setting("server_host"),
    Setting("server_port", "8765", (0, _MAX_PORT)),
    Setting("interface", "127.0.0.1"),
    Setting("web_port", "", (0, _MAX_PORT), ("none",)),
    Setting("web_key", secret=True),
    Setting("web_served_dir"),
    Setting("tmp_dir"),
    Setting("long_value_size", "16777216", (0, _MAX_NUMBER)),
    Setting("max_value_size", "", (0, _MAX_NUMBER)),
    Setting("memory_limit", "", (0, _MAX_NUMBER)),
    Setting("spool_limit", "", (0, _MAX_NUMBER)),
    Setting("max_connections", "10000", (1, _MAX_NUMBER)),
    Setting("peer_timeout", "30", (3, _MAX_NUMBER)),
    Setting("keep_runs", "3600", (0, _MAX_NUMBER)),
    Setting("io", "fast", words=("fast", "plain")),
    Setting("tls", "no", words=("yes", "no")),
    Setting("tls_certificate"),
    Setting("tls_key"),
)

_BY_NAME: Final = {setting.name: setting for setting in SETTINGS}


class FoundSetting(NamedTuple):
    """The value of a setting, and where it comes from: empty for the default."""

    value: str
    origin: str


def find_settings(environ: Mapping[str, str] = os.environ) -> dict[str, FoundSetting]:
    """Return all settings by name, without options.

    Raises:
        SettingsError: a file cannot be used.
    """
    found = {setting.name: FoundSetting(setting.default, "") for setting in SETTINGS}
    for file in reversed(setting_files(environ)):
        found.update(_read(file, required=bool(environ.get(FILES_VARIABLE))))
    for setting in SETTINGS:
        value = environ.get(setting.variable, "")
        # An empty interface stands for all of them; other empty variables count as not set.
        if value or (setting.name == "interface" and setting.variable in environ):
            found[setting.name] = FoundSetting(value, setting.variable)
    return found


def environment(environ: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return an environment in which settings from files have their variables, and for each of
    these variables its file and line.

    Raises:
        SettingsError: a file cannot be used.
    """
    full, origins = dict(environ), {}
    for name, (value, origin) in find_settings(environ).items():
        variable = _BY_NAME[name].variable
        if origin not in ("", variable):
            full[variable], origins[variable] = value, origin
    return full, origins


def setting_files(environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Return the files in which settings can stand, the first to count first."""
    if FILES_VARIABLE in environ:
        named = environ[FILES_VARIABLE]
        return [Path(named)] if named else []
    import platformdirs  # few programs need it

    return [platformdirs.user_config_path("nws", appauthor=False) / "config.toml", _MACHINE_FILE]


def _read(file: Path, *, required: bool) -> Iterator[tuple[str, FoundSetting]]:
    """Yield the settings in a file; none if it is not there, unless it is required."""
    try:
        text = file.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        if required:
            raise SettingsError(
                f"{FILES_VARIABLE} names a file that is not there: {file}"
            ) from error
        return
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be read: {error}") from error
    for key, value in _parsed(file, text).items():
        place = f"{file}:{_line_of(key, text)}"
        if key not in _BY_NAME:
            raise SettingsError(f"{place}: there is no setting {key!r}{_suggestion(key)}")
        try:
            yield key, FoundSetting(_BY_NAME[key].check(value), place)
        except ValueError as error:
            raise SettingsError(f"{place}: {key} = {error}") from error


def _parsed(file: Path, text: str) -> dict[str, object]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        parsed: dict[str, object] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file} is not TOML: {error}") from error
    return parsed


def _line_of(key: str, text: str) -> int:
    """Return the number of the line that begins with a key or a table of that name."""
    form = re.compile(rf"""\s*\[*\s*["']?{re.escape(key)}\b""")
    lines = enumerate(text.splitlines(), 1)
    return next((number for number, line in lines if form.match(line)), 1)


def _suggestion(key: str) -> str:
    close = difflib.get_close_matches(key.lower().replace("-", "_"), _BY_NAME, 1)
    return f"; {close[0]!r} is one" if close else "; `nws config` lists them"
