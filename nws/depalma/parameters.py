"""How the jobs of a code are run: the ``code_params`` of the original, and ours beside them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from nws.errors import DepalmaArgumentException

__all__ = ["CodeSpec", "JobOptions", "checked_arguments", "checked_options"]

_Count = Annotated[int, Meta(ge=0, le=10**15)]
_Seconds = Annotated[float, Meta(ge=0, le=10**9)]
_TEXT: Final = r"\A[^\0]*\Z"
_VARIABLE: Final = r"\A[^\0=]+\Z"
_PATTERNS: Final = {_TEXT: "no zero character", _VARIABLE: "no '=' or zero character, not empty"}
"""What they mean."""
_Text = Annotated[str, Meta(pattern=_TEXT)]
_Variable = Annotated[str, Meta(pattern=_VARIABLE)]
_Name = Annotated[str, Meta(min_length=1)]


class JobOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may differ between the jobs of a code.

    Attributes:
        env: variables of the environment, beside those of the host.
        cwd: the folder in which a job runs; empty for that of the host.
        timeout: seconds until a job is killed; 0 for no limit.
        retries: how many times a job that failed or timed out is run again.
        memory: bytes of address space of each process of a job; 0 for no limit.
        cpu: seconds of processor time of each process of a job; 0 for no limit.
        groups: a job runs on hosts of one of these groups; empty for any host.
        priority: a waiting job with a higher one is first.
    """

    env: dict[_Variable, _Text] = {}
    cwd: _Text = ""
    timeout: _Seconds = 0.0
    retries: _Count = 0
    memory: _Count = 0
    cpu: _Count = 0
    groups: list[_Name] = []
    priority: int = 0


class _CodeParams(JobOptions, frozen=True):
    """What is the same for all jobs of a code, beside the defaults of what may differ.

    Attributes:
        io: the standard streams can be used while a job runs.
        pickup: stdout and stderr are returned with the outcome.
        error_pickup: the same, unless the exit status is zero.
        buf: bytes of output that are gathered before they are sent; 0 for none, 1 for a line.
        label: the user's own name for the code; empty for none.
    """

    io: bool = False
    pickup: bool = False
    error_pickup: bool = False
    buf: _Count = 8192
    label: _Text = ""


class CodeSpec(_CodeParams, frozen=True, kw_only=True):
    """A kind of job: its parameters, and its command, which is a program and its first arguments,
    or a text for ``/bin/sh``."""

    command: str | list[str]

    @classmethod
    def checked(cls, command: object, code_params: object) -> CodeSpec:
        """Make one of what a user gave.

        Raises:
            DepalmaArgumentException: the command or a parameter is wrong; the message says what
                it has to be.
        """
        words = _checked_command(command)
        given = _checked(code_params, _CodeParams, "code_params")
        return cls(command=words, **{key: getattr(given, key) for key in given.__struct_fields__})

    def with_options(self, options: Mapping[str, Any]) -> CodeSpec:
        """Return the same with other values of some parameters; see `checked_options`."""
        return msgspec.structs.replace(self, **options) if options else self

    @property
    def keeps_output(self) -> bool:
        """Whether anybody may ask for what a job writes."""
        return self.io or self.pickup or self.error_pickup

    def returns_output(self, status: int) -> bool:
        """Tell whether the outcome of a job that ended with this status has its output."""
        return self.pickup or (self.error_pickup and status != 0)


_FLAGS: Final = ("io", "pickup", "error_pickup")


def checked_arguments(arguments: object) -> list[str]:
    """Return a job's arguments as texts.

    Raises:
        DepalmaArgumentException: they are not a list of texts, numbers and paths.
    """
    if not isinstance(arguments, (list, tuple)):
        raise DepalmaArgumentException(f"the arguments of a job are a list, not {arguments!r:.100}")
    return _checked_words(arguments)


def checked_options(options: object) -> dict[str, Any]:
    """Return the parameters of one job that differ from those of its code.

    Raises:
        DepalmaArgumentException: one is wrong, or cannot be changed for one job.
    """
    checked = _checked(options, JobOptions, "options")
    assert isinstance(options, Mapping)
    return {key: getattr(checked, key) for key in options if options[key] is not None}


def _checked_command(command: object) -> str | list[str]:
    if isinstance(command, str) and command.strip() and "\0" not in command:
        return command
    if isinstance(command, (list, tuple)) and command:
        return _checked_words(command)
    raise DepalmaArgumentException(
        f"a command is a list of words, or a text for the shell, and not empty: {command!r:.100}"
    )


def _checked_words(words: Sequence[object]) -> list[str]:
    texts = [os.fspath(word) if isinstance(word, os.PathLike) else word for word in words]
    for word in texts:
        if not isinstance(word, (str, int, float)) or "\0" in str(word):
            raise DepalmaArgumentException(
                "a word of a command is a text without zero characters, or a number, not "
                f"{word!r:.100}"
            )
    return [_text_of(word) for word in texts]


def _text_of(word: object) -> str:
    """Return a word as a text. XML-RPC has integers of more than 32 bits as doubles only."""
    if isinstance(word, float) and word.is_integer() and 2**31 <= abs(word) < 2**63:
        return str(int(word))
    return str(word)


def _checked(given: object, kind: type[JobOptions], what: str) -> JobOptions:
    if not isinstance(given, Mapping):
        raise DepalmaArgumentException(f"{what} is a dictionary, not {given!r:.100}")
    plain = {key: _plain(key, value) for key, value in given.items() if value is not None}
    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError as error:
        problem = _readable(str(error), kind)
        raise DepalmaArgumentException(f"{what}: {problem}") from error


def _readable(problem: str, kind: type[JobOptions]) -> str:
    """Return a message of msgspec with what it leaves to be guessed."""
    for pattern, meaning in _PATTERNS.items():
        problem = problem.replace(f"matching regex {pattern!r}", f"with {meaning}")
    if "unknown" in problem:
        problem += f"; there are {', '.join(kind.__struct_fields__)}"
    elif problem.endswith("`$.buf`"):
        problem += "; a number of bytes, 0 for none, or 1 or 'line' for a line"
    return problem


def _plain(key: object, value: object) -> object:
    """Return a parameter as it is without the limits of XML-RPC, in which large integers are
    floats, and of languages that have only numbers."""
    if key in _FLAGS and value in (0, 1):
        return bool(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if key == "buf" and value == "line":
        return 1
    if key == "groups" and isinstance(value, (list, tuple, set)):
        texts = sorted({name for name in value if isinstance(name, str)})
        return [*texts, *(name for name in value if not isinstance(name, str))]
    return value
