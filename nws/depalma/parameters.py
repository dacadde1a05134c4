"""How the jobs of a code are run: the ``code_params`` of the original, and ours beside them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final, TypeGuard

from nws.errors import DepalmaArgumentException

__all__ = ["CodeSpec", "checked_arguments", "checked_options"]

_MAX_COUNT: Final = 10**15
_MAX_TIMEOUT_SECONDS: Final = 10**9


@dataclass(frozen=True)
class CodeSpec:
    """A kind of job: its command, and how it is run.

    Attributes:
        command: a program and its first arguments; or a text for ``/bin/sh``.
        io: the standard streams can be used while a job runs.
        pickup: stdout and stderr are returned with the outcome.
        error_pickup: the same, unless the exit status is zero.
        buf: bytes of output that are gathered before they are sent; 0 for none, 1 for a line.
        label: the user's own name for it; empty for none.
        env: variables of the environment, beside those of the host.
        cwd: the folder in which a job runs; empty for that of the host.
        timeout: seconds until a job is killed; 0 for no limit.
        retries: how many times a job that failed or timed out is run again.
        memory: bytes of address space of each process of a job; 0 for no limit.
        cpu: seconds of processor time of each process of a job; 0 for no limit.
        groups: a job runs on hosts of one of these groups; empty for any host.
        priority: a waiting job with a higher one is first.
    """

    command: str | Sequence[str]
    io: bool = False
    pickup: bool = False
    error_pickup: bool = False
    buf: int = 8192
    label: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = ""
    timeout: float = 0.0
    retries: int = 0
    memory: int = 0
    cpu: int = 0
    groups: Sequence[str] = ()
    priority: int = 0

    @classmethod
    def checked(cls, command: object, code_params: object) -> CodeSpec:
        """Make one of what a user gave.

        Raises:
            DepalmaArgumentException: the command or a parameter is wrong; the message says what
                it has to be.
        """
        return cls(_checked_command(command), **_checked_all(code_params, "code_params", _CHECKS))

    def with_options(self, options: Mapping[str, Any]) -> CodeSpec:
        """Return the same with other values of some parameters; see `checked_options`."""
        return replace(self, **checked_options(options)) if options else self

    @property
    def keeps_output(self) -> bool:
        """Whether anybody may ask for what a job writes."""
        return self.io or self.pickup or self.error_pickup

    def returns_output(self, status: int) -> bool:
        """Tell whether the outcome of a job that ended with this status has its output."""
        return self.pickup or (self.error_pickup and status != 0)

    def to_plain(self) -> dict[str, Any]:
        """Return it as plain data; see `from_plain`."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> CodeSpec:
        """Undo `to_plain`, also when it went through JSON."""
        return cls(**{each.name: plain[each.name] for each in fields(cls)})


def checked_arguments(arguments: object) -> list[str]:
    """Return a job's arguments as texts.

    Raises:
        DepalmaArgumentException: they are not a list of texts, numbers and paths.
    """
    if not isinstance(arguments, (list, tuple)):
        raise DepalmaArgumentException(f"the arguments of a job are a list, not {arguments!r:.100}")
    return [_checked_word(word) for word in arguments]


def checked_options(options: object) -> dict[str, Any]:
    """Return the parameters of one job that differ from those of its code.

    Raises:
        DepalmaArgumentException: one is wrong, or cannot be changed for one job.
    """
    checks = {key: check for key, check in _CHECKS.items() if key not in _OF_THE_CODE}
    return _checked_all(options, "options", checks)


def _checked_command(command: object) -> str | list[str]:
    if isinstance(command, str) and command.strip() and "\0" not in command:
        return command
    if isinstance(command, (list, tuple)) and command:
        return [_checked_word(word) for word in command]
    raise DepalmaArgumentException(
        f"a command is a list of words, or a text for the shell, and not empty: {command!r:.100}"
    )


def _checked_word(word: object) -> str:
    if isinstance(word, os.PathLike):
        word = os.fspath(word)
    if isinstance(word, (str, int, float)) and "\0" not in str(word):
        return str(word)
    raise DepalmaArgumentException(
        f"a word of a command is a text without zero characters, or a number, not {word!r:.100}"
    )


def _checked_all(
    given: object, what: str, checks: Mapping[str, Callable[[Any], Any]]
) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise DepalmaArgumentException(f"{what} is a dictionary, not {given!r:.100}")
    checked = {}
    for key, value in given.items():
        if key not in checks:
            raise DepalmaArgumentException(
                f"{what} has {key!r}, which is not one of {', '.join(checks)}"
            )
        try:
            checked[key] = checks[key](value)
        except ValueError as error:
            raise DepalmaArgumentException(f"{what}[{key!r}] is {value!r:.100}: {error}") from None
    return checked


def _flag(value: object) -> bool:
    if value in (0, 1):  # also False and True; some languages have only numbers
        return bool(value)
    raise ValueError("it has to be true or false")


def _is_number(value: object, most: float) -> TypeGuard[float]:
    """Tell whether a value is a number from 0 to another one."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= most


def _buffer(value: object) -> int:
    return 1 if value == "line" else _count(value)


def _count(value: object) -> int:
    # XML-RPC has only integers of 32 bits, so large numbers come as floats.
    if _is_number(value, _MAX_COUNT) and value == int(value):
        return int(value)
    raise ValueError("it has to be a whole number, at least 0")


def _integer(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("it has to be a whole number")


def _seconds(value: object) -> float:
    if value is None:
        return 0.0
    if _is_number(value, _MAX_TIMEOUT_SECONDS):
        return float(value)
    raise ValueError("it has to be a number of seconds; 0 for no limit")


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str) and "\0" not in value:
        return value
    raise ValueError("it has to be a text")


def _names(value: object) -> list[str]:
    if isinstance(value, (list, tuple)) and all(isinstance(name, str) and name for name in value):
        return sorted(set(value))
    raise ValueError("it has to be a list of names")


def _environment(value: object) -> dict[str, str]:
    if isinstance(value, Mapping):
        pairs = list(value.items())
        texts = all(isinstance(each, str) and "\0" not in each for pair in pairs for each in pair)
        if texts and all(name and "=" not in name for name, _ in pairs):
            return dict(pairs)
    raise ValueError("it has to be a dictionary of texts, with names that are not empty")


_CHECKS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "io": _flag,
    "pickup": _flag,
    "error_pickup": _flag,
    "buf": _buffer,
    "label": _text,
    "env": _environment,
    "cwd": _text,
    "timeout": _seconds,
    "retries": _count,
    "memory": _count,
    "cpu": _count,
    "groups": _names,
    "priority": _integer,
}

_OF_THE_CODE: Final = ("io", "pickup", "error_pickup", "buf", "label")
"""Parameters that are the same for all jobs of a code."""
