"""What master and hosts tell each other through the workspace: JSON, in direct strings.

Nothing is pickled, and what cannot be read is refused here. Variables that belong to one host carry
its id, which no other process of a host ever has; those of a job carry its pid.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final, TypeVar

__all__ = [
    "CODES",
    "END_OF_STDIN",
    "REPORT",
    "STREAMS",
    "Assignment",
    "CodeTable",
    "HostReport",
    "JobOutcome",
    "Order",
    "control_of",
    "jobs_of",
    "output_of",
    "read",
    "read_report",
    "stdin_of",
    "workspace_of",
    "write",
]

REPORT: Final = "report"
"""The fifo of `HostReport` and `JobOutcome`, for the master."""

CODES: Final = "codes"
"""The single variable with the `CodeTable`."""

STREAMS: Final = ("stdout", "stderr")

END_OF_STDIN: Final = "end"
"""A text in `stdin_of`, behind the data, which are bytes."""


def workspace_of(cluster: str) -> str:
    """Return the name of a cluster's workspace."""
    return f"depalma {cluster}"


def jobs_of(host: str) -> str:
    """Return the fifo from which a host leases its `Assignment` messages."""
    return f"jobs {host}"


def control_of(host: str) -> str:
    """Return the fifo of the `Order` messages for a host."""
    return f"control {host}"


def stdin_of(pid: int) -> str:
    """Return the fifo of what a job is to read. A host reads it without removing anything, so that
    a job that is run again reads all of it again."""
    return f"stdin {pid}"


def output_of(stream: str, pid: int, attempt: int) -> str:
    """Return the fifo of what an attempt at a job wrote."""
    return f"{stream} {pid} {attempt}"


@dataclass(frozen=True)
class CodeTable:
    """The codes of a cluster.

    Attributes:
        step: grows with each change. A host that has an older table reads this one.
        lost_after: seconds without a word after which a host is gone, and so is the master.
        max_output: bytes of each stream of a job that are kept.
        codes: by their numbers, which are texts here, as JSON has it.
    """

    step: int
    lost_after: float
    max_output: int
    codes: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Assignment:
    """A job for a host: a code of at least this step, the job's arguments, and its options."""

    pid: int
    attempt: int
    code: int
    step: int
    arguments: Sequence[str] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Order:
    """What a host is to do: send a signal to a job, or read the codes if the signal is 0."""

    pid: int = 0
    attempt: int = 0
    signal: int = 0


@dataclass(frozen=True)
class JobOutcome:
    """How an attempt at a job ended.

    Attributes:
        host: the id of the host.
        status: the exit status; -1 if there is none.
        signal: that ended it; 0 if none did.
        timed_out: it was killed because its time was over.
        error: why it could not be run; else empty.
        dropped: bytes of its output that were not kept.
        started, ended: in seconds since 1970, by the clock of the host.
        cpu: seconds of processor time.
        memory: bytes that its largest process had in memory.
    """

    pid: int
    attempt: int
    host: str
    status: int = -1
    signal: int = 0
    timed_out: bool = False
    error: str = ""
    dropped: int = 0
    started: float = 0.0
    ended: float = 0.0
    cpu: float = 0.0
    memory: int = 0

    @property
    def failed(self) -> bool:
        """Whether it is not what a job that succeeds returns."""
        return self.status != 0


@dataclass(frozen=True)
class HostReport:
    """What a host says of itself.

    Attributes:
        step: of the codes that it has.
        load: the number of processes that want to run, over one minute.
        cpu: percent of all cores that were busy since the last report.
        memory, memory_used: bytes.
        jobs: that run, each with ``pid``, ``attempt``, ``os_pid``, ``started`` and what the system
            knows of all its processes: see `GroupUse`.
    """

    id: str
    name: str
    machine: str
    os_pid: int
    slots: int
    groups: Sequence[str]
    priority: int
    step: int
    time: float
    cores: int = 1
    load: float = 0.0
    cpu: float = 0.0
    memory: int = 0
    memory_used: int = 0
    jobs: Sequence[Mapping[str, Any]] = ()


_Message = TypeVar("_Message", CodeTable, Assignment, Order, JobOutcome, HostReport)

_NAME_IN_JSON: Final = '"name":'
"""Only the report of a host has a name in it: quotes inside of texts are escaped."""

_PLAIN: Final[Mapping[str, Callable[[Any], bool]]] = {
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "bool": lambda value: isinstance(value, bool),
    "str": lambda value: isinstance(value, str),
    "Sequence[str]": lambda value: (
        isinstance(value, list) and all(isinstance(word, str) for word in value)
    ),
    "Sequence[Mapping[str, Any]]": lambda value: (
        isinstance(value, list) and all(isinstance(each, dict) for each in value)
    ),
    "Mapping[str, Any]": lambda value: isinstance(value, dict),
    "Mapping[str, Mapping[str, Any]]": lambda value: (
        isinstance(value, dict) and all(isinstance(each, dict) for each in value.values())
    ),
}
"""For each annotation of a message: whether a value from JSON fits."""


def write(message: CodeTable | Assignment | Order | JobOutcome | HostReport) -> str:
    """Return a message as text."""
    return json.dumps(vars(message), separators=(",", ":"))


def read(kind: type[_Message], text: object) -> _Message:
    """Undo `write`.

    Raises:
        ValueError: it is no such message.
    """
    if not isinstance(text, str):
        raise ValueError(f"not a text: {text!r:.100}")
    return _made(kind, json.loads(text))


def read_report(text: object) -> JobOutcome | HostReport:
    """Read what a host has stored for the master.

    Raises:
        ValueError: it is no report.
    """
    if _NAME_IN_JSON not in str(text):
        return read(JobOutcome, text)
    report = read(HostReport, text)
    if report.slots < 1 or report.cores < 1:
        raise ValueError(f"a host without slots or cores: {text!r:.200}")
    return report


def _made(kind: type[_Message], plain: Any) -> _Message:
    """Make a message of plain data.

    Raises:
        ValueError: it is no such message.
    """
    known = _CHECKS[kind]
    if not isinstance(plain, dict) or not plain.keys() <= known.keys():
        raise ValueError(f"not a {kind.__name__}: {plain!r:.200}")
    wrong = [name for name, value in plain.items() if not known[name](value)]
    if wrong:
        raise ValueError(f"a {kind.__name__} with a wrong {wrong[0]}: {plain!r:.200}")
    try:
        return kind(**plain)
    except TypeError as error:
        raise ValueError(f"not a {kind.__name__}: {error}") from None


_CHECKS: Final[Mapping[type[Any], Mapping[str, Callable[[Any], bool]]]] = {
    kind: {each.name: _PLAIN[str(each.type)] for each in fields(kind)}
    for kind in (CodeTable, Assignment, Order, JobOutcome, HostReport)
}
"""For each kind of message, the checks of its fields."""
