"""What master and hosts tell each other through the workspace: JSON, in direct strings.

Nothing is pickled, and what cannot be read is refused here. Variables that belong to one host carry
its id, which no other process of a host ever has; those of a job carry its pid.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta

from nws.depalma.parameters import CodeSpec
from nws.errors import DepalmaLookupException

__all__ = [
    "ABSENT",
    "CLUSTER",
    "ENDED",
    "END_OF_STDIN",
    "JOINED",
    "LAST_PID",
    "MASTER_GONE",
    "REQUESTS",
    "STREAMS",
    "ClusterTable",
    "HostReport",
    "JobOutcome",
    "Order",
    "Queue",
    "RunningJob",
    "SubmittedJob",
    "attempts_of",
    "control_of",
    "output_of",
    "read",
    "report_of",
    "stdin_of",
    "wake_of",
    "workspace_of",
    "write",
]

CLUSTER: Final = "cluster"
"""The single variable with the `ClusterTable`."""

ABSENT: Final = "absent"
"""The single variable that says, for people, which hosts of the configuration are not there: an
object with ``hosts``, as `describe_absent` returns them."""

ENDED: Final = "ended"
"""The fifo of the `JobOutcome` messages. The master holds a lease on each until it is picked up."""

JOINED: Final = "joined"
"""The fifo of the ids of hosts that have come."""

REQUESTS: Final = "requests"
"""The fifo of `Order` messages from others for the master, such as from a page."""

LAST_PID: Final = "last pid"
"""The single variable with the pid of the last job."""

MASTER_GONE: Final = "master gone"
"""The variable that holds a value when the master is gone."""

STREAMS: Final = ("stdout", "stderr")

END_OF_STDIN: Final = "end"
"""A text in `stdin_of`, behind the data, which are bytes."""


def workspace_of(cluster: str) -> str:
    """Return the name of a cluster's workspace."""
    return f"depalma {cluster}"


def report_of(host: str) -> str:
    """Return the single variable with the last `HostReport` of a host."""
    return f"host {host}"


def control_of(host: str) -> str:
    """Return the fifo of the `Order` messages for a host."""
    return f"control {host}"


def wake_of(host: str) -> str:
    """Return the single variable that ends a host's wait for a job, so that it reads the table."""
    return f"wake {host}"


def stdin_of(pid: int) -> str:
    """Return the fifo of what a job is to read. A host reads it without removing anything, so that
    a job that is run again reads all of it again."""
    return f"stdin {pid}"


def output_of(stream: str, pid: int, attempt: int) -> str:
    """Return the fifo of what an attempt at a job wrote."""
    return f"{stream} {pid} {attempt}"


def attempts_of(pid: int) -> str:
    """Return the fifo of the attempts at a job with ``io`` that were begun, as numbers in texts."""
    return f"attempts {pid}"


class Queue(msgspec.Struct, frozen=True, order=True):
    """A line of waiting jobs: all of one priority that name the same groups."""

    priority: int
    groups: tuple[str, ...] = ()

    @property
    def variable(self) -> str:
        """The fifo of the `SubmittedJob` messages."""
        return f"jobs {self.priority} {json.dumps(self.groups)}"


class ClusterTable(msgspec.Struct, frozen=True):
    """What hosts have to know.

    Attributes:
        step: grows with each change. A host that has an older table reads this one.
        lost_after: seconds without a word after which a host is gone, and so is the master.
        max_output: bytes of each stream of a job that are kept.
        last_code: the number of the last code that was added.
        codes: by their numbers.
        queues: in which jobs may wait.
        host_priorities: of the hosts that are there, highest first.
    """

    step: int
    lost_after: float
    max_output: int
    last_code: int = 0
    codes: dict[int, CodeSpec] = {}
    queues: tuple[Queue, ...] = ()
    host_priorities: tuple[int, ...] = ()

    def number_of(self, code: object) -> int:
        """Return the number of a code, given that or its label.

        Raises:
            DepalmaLookupException: there is none.
        """
        if type(code) is int and code in self.codes:  # True is no number
            return code
        for number, spec in self.codes.items():
            if spec.label and code == spec.label:
                return number
        raise DepalmaLookupException(f"there is no code with the number or label {code!r:.100}")


class SubmittedJob(msgspec.Struct, frozen=True):
    """A job, as it waits and as a host leases it.

    Attributes:
        pid: its number in the cluster, the same on whichever host it runs.
        code: its number.
        step: of the first `ClusterTable` that has the code.
        arguments: behind those of the code.
        options: other values of some parameters.
        submitted: in seconds since 1970.
        failures: attempts that failed or timed out.
        losses: hosts that were lost while they had it, before the last failure.
    """

    pid: int
    code: int
    step: int
    arguments: list[str] = []
    options: dict[str, Any] = {}
    submitted: float = 0.0
    failures: int = 0
    losses: int = 0


class Order(msgspec.Struct, frozen=True):
    """A signal for a job."""

    pid: int
    signal: Annotated[int, Meta(ge=1, le=64)]


class JobOutcome(msgspec.Struct, frozen=True):
    """How a job ended.

    Attributes:
        attempt: which this was; 0 if it never ran.
        host: the id of the host; empty if it never ran.
        status: the exit status; -1 if there is none.
        signal: that ended it; 0 if none did.
        timed_out: it was killed because its time was over.
        error: why it could not be run; else empty.
        dropped: bytes of its output that were not kept.
        started, ended: in seconds since 1970, by the clock of the host.
        cpu: seconds of processor time.
        memory: bytes that its largest process had in memory.
    """

    job: SubmittedJob
    attempt: int = 0
    host: str = ""
    status: int = -1
    signal: int = 0
    timed_out: bool = False
    error: str = ""
    dropped: int = 0
    started: float = 0.0
    ended: float = 0.0
    cpu: float = 0.0
    memory: int = 0


class RunningJob(msgspec.Struct, frozen=True):
    """What a host says of a job that it runs.

    Attributes:
        os_pid: of the first process of the job.
        started: in seconds since 1970.
        processes, cpu, memory, os_state: of all its processes; see `GroupUse`.
    """

    pid: int
    attempt: int
    failures: int
    os_pid: int
    started: float
    processes: int = 0
    cpu: float = 0.0
    memory: int = 0
    os_state: str = ""


class HostReport(msgspec.Struct, frozen=True):
    """What a host says of itself.

    Attributes:
        step: of the table that it has.
        load: the number of processes that want to run, over one minute.
        cpu: percent of all cores that were busy since the last report.
        memory, memory_used: bytes.
        jobs: that run.
    """

    id: str
    name: str
    machine: str
    os_pid: int
    slots: int
    groups: list[str]
    priority: int
    step: int
    time: float
    cores: int = 1
    load: float = 0.0
    cpu: float = 0.0
    memory: int = 0
    memory_used: int = 0
    jobs: list[RunningJob] = []


_Message = TypeVar("_Message", bound=msgspec.Struct)


def write(message: msgspec.Struct) -> str:
    """Return a message as text."""
    # Not by msgspec's own encoder: names of files may hold bytes that are no characters.
    return json.dumps(msgspec.to_builtins(message), separators=(",", ":"))


def read(kind: type[_Message], text: object) -> _Message:
    """Undo `write`.

    Raises:
        ValueError: it is no such message.
    """
    if not isinstance(text, str):
        raise ValueError(f"not a text: {text!r:.100}")
    try:
        return msgspec.convert(json.loads(text), kind, str_keys=True)
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise ValueError(f"not a {kind.__name__}: {error}: {text:.200}") from error
