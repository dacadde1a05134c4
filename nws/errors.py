"""Every exception of this distribution, and the status codes of the wire behind them.

::

    Exception
    ├── NwsException
    │   ├── NwsServerException                     the connection, or what came over it
    │   │   ├── NwsConnectException                no connection could be made
    │   │   ├── NwsConnectionDroppedException      it ended while it was needed
    │   │   ├── NwsProtocolException               the peer sent bytes that are not the protocol
    │   │   └── NwsUnsupportedOperationException   this server cannot do that
    │   └── NwsOperationException                  the server refused, or the value is unusable
    │       ├── NwsNoWorkSpaceException            no such workspace, or not open here
    │       ├── NwsDeclarationFailedException      the variable has another mode
    │       ├── NwsTimeoutException                also a TimeoutError: nothing came in time
    │       ├── NwsNoValueException                only inside the client: there is no value
    │       ├── NwsLeaseLostException              the lease ended before it was settled
    │       ├── NwsPicklingException               the value cannot be serialized
    │       └── NwsUnpicklingException             the payload cannot be read here
    ├── DepalmaException
    │   ├── DepalmaArgumentException               also a ValueError: no job can use this
    │   ├── DepalmaConfigException                 the configuration file is wrong
    │   ├── DepalmaLookupException                 there is no such job, code or host
    │   ├── DepalmaStateException                  not now: not started, not finished, no ``io``
    │   └── DepalmaStoppedException                the cluster was shut down, or its server is gone
    ├── MasterSlaveException                       a master or a slave cannot go on
    │   ├── TaskManagerTermination                 the task manager has been terminated
    │   └── TaskRaisedException                    a task failed
    └── SleighException
        ├── SleighCancelledException               somebody else has cancelled the call
        ├── SleighGatheredException                results were gathered already
        ├── SleighIllegalValueException            an argument that no sleigh can use
        ├── SleighInitializerException             what each worker calls first has failed
        ├── SleighJoinException                    a worker could not join
        ├── SleighNwsException                     the server could not be used
        ├── SleighOccupiedException                another call is under way
        ├── SleighScriptException                  a worker script could not run
        ├── SleighStoppedException                 the sleigh was stopped
        ├── SleighTaskException                    a task failed
        └── SleighWorkerLostException              the cause of that, where no worker survived it

The names are those of the original's user guide, appendices A.1 and A.2. This module imports
nothing and holds no logic beyond the table at its end, and that a SleighTaskException is no value.
"""

from __future__ import annotations

from typing import Final, NoReturn

__all__ = [
    "DepalmaArgumentException",
    "DepalmaConfigException",
    "DepalmaException",
    "DepalmaLookupException",
    "DepalmaStateException",
    "DepalmaStoppedException",
    "MasterSlaveException",
    "NwsConnectException",
    "NwsConnectionDroppedException",
    "NwsDeclarationFailedException",
    "NwsException",
    "NwsLeaseLostException",
    "NwsNoValueException",
    "NwsNoWorkSpaceException",
    "NwsOperationException",
    "NwsPicklingException",
    "NwsProtocolException",
    "NwsServerException",
    "NwsTimeoutException",
    "NwsUnpicklingException",
    "NwsUnsupportedOperationException",
    "SleighCancelledException",
    "SleighException",
    "SleighGatheredException",
    "SleighIllegalValueException",
    "SleighInitializerException",
    "SleighJoinException",
    "SleighNwsException",
    "SleighOccupiedException",
    "SleighScriptException",
    "SleighStoppedException",
    "SleighTaskException",
    "SleighWorkerLostException",
    "Status",
    "TaskManagerTermination",
    "TaskRaisedException",
    "exception_for",
]


class NwsException(Exception):
    """Base class of all errors of the workspace client."""


class NwsServerException(NwsException):
    """The connection to a server failed, or something unusable came over it."""


class NwsConnectException(NwsServerException):
    """No connection to the server could be made."""


class NwsConnectionDroppedException(NwsServerException):
    """The connection ended, or had to be given up, while it was needed."""


class NwsProtocolException(NwsServerException):
    """The peer sent bytes that are not the protocol. The connection is closed."""


class NwsUnsupportedOperationException(NwsServerException):
    """The server does not offer this operation."""


class NwsOperationException(NwsException):
    """The server refused an operation; the message says why."""


class NwsNoWorkSpaceException(NwsOperationException):
    """The workspace does not exist, was deleted, or is not open on this session."""


class NwsDeclarationFailedException(NwsOperationException):
    """A variable could not be declared, most often because it has another mode."""


class NwsTimeoutException(NwsOperationException, TimeoutError):
    """Nothing arrived within ``timeout``. The operation had no effect."""


class NwsNoValueException(NwsOperationException):
    """A get that does not wait found nothing, or an iterator is at its end.

    Programs do not see it: `fetchTry` and the like return ``missing``, and iterators stop.
    """


class NwsLeaseLostException(NwsOperationException):
    """The lease is not held any more: its deadline passed, or its variable was deleted.

    Nothing of the refused step was done.
    """


class NwsPicklingException(NwsOperationException):
    """A value could not be serialized.

    Attributes:
        exception: what the serializer raised.
    """

    def __init__(self, message: str, exception: BaseException | None = None) -> None:
        super().__init__(message)
        self.exception = exception


class NwsUnpicklingException(NwsOperationException):
    """A payload could not be turned into a Python value.

    Attributes:
        exception: what the reader raised, or None for a format it does not know.
        obj: the raw bytes of the payload.
    """

    def __init__(
        self, message: str, exception: BaseException | None = None, obj: bytes = b""
    ) -> None:
        super().__init__(message)
        self.exception = exception
        self.obj = obj


class DepalmaException(Exception):
    """Base class of all errors of a Depalma cluster."""


class DepalmaArgumentException(DepalmaException, ValueError):
    """An argument has a value that no job can use."""


class DepalmaConfigException(DepalmaException):
    """The configuration file cannot be read, or a key in it is wrong; the message has the line."""


class DepalmaLookupException(DepalmaException):
    """There is no such job, code or host."""


class DepalmaStateException(DepalmaException):
    """The cluster, or the job, is not in a state in which that can be done."""


class DepalmaStoppedException(DepalmaException):
    """The cluster was shut down, or its server is gone."""


class MasterSlaveException(Exception):
    """A master or a slave cannot start or go on; the message says why, and what helps."""


class TaskManagerTermination(MasterSlaveException):
    """The task manager was terminated, and there is nothing left for who waits."""


class TaskRaisedException(MasterSlaveException):
    """A task raised an exception, or was given up. The remote traceback is part of the message.

    When the exception could be sent, it is the ``__cause__``.

    Attributes:
        task_id: of the task.
        tag: of the task.
        exception: what it raised; where that cannot be read here, an exception that says so.
        traceback: text.
    """

    def __init__(self, task_id: str, tag: str, exception: BaseException, traceback: str) -> None:
        super().__init__(task_id, tag, exception, traceback)
        self.task_id = task_id
        self.tag = tag
        self.exception = exception
        self.traceback = traceback
        self.__cause__ = exception

    def __str__(self) -> str:
        return f"task {self.task_id} failed:\n{self.traceback}".rstrip()


class SleighException(Exception):
    """Base class of all errors of the parallel map."""


class SleighCancelledException(SleighException):
    """Somebody else has cancelled the call: ``nws sleigh cancel``, or another thread."""


class SleighGatheredException(SleighException):
    """The results of this call were gathered already."""


class SleighIllegalValueException(SleighException):
    """An argument has a value that no sleigh can use."""


class SleighInitializerException(SleighException):
    """The sleigh's ``initializer`` has failed on a worker. The remote traceback is part of the
    message.

    When the worker's exception could be sent, it is the ``__cause__``.
    """


class SleighJoinException(SleighException):
    """A worker could not join the group, or none did."""


class SleighNwsException(SleighException):
    """The sleigh's server could not be started or reached, or it went away."""


class SleighOccupiedException(SleighException):
    """The sleigh is busy with another call."""


class SleighScriptException(SleighException):
    """A worker could not be started."""


class SleighStoppedException(SleighException):
    """The sleigh was stopped."""


class SleighTaskException(SleighException):
    """A task failed on its worker. The remote traceback is part of the message.

    When the worker's exception could be sent, it is the ``__cause__``. Where it is used as if it
    were the result, in arithmetic, comparisons of size or as a number, it is raised.

    Attributes:
        pickled_result: if the task had a result, but the master could not read it: its pickle, for
            ``pickle.loads`` when what it needs is there. Else empty.
    """

    pickled_result: bytes = b""

    def _raise(self, *_: object) -> NoReturn:
        raise self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __matmul__ = __rmatmul__ = _raise
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _raise
    __divmod__ = __rdivmod__ = __pow__ = __rpow__ = __lshift__ = __rlshift__ = _raise
    __rshift__ = __rrshift__ = __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = _raise
    __neg__ = __pos__ = __abs__ = __invert__ = __round__ = __trunc__ = __floor__ = __ceil__ = _raise
    __lt__ = __le__ = __gt__ = __ge__ = _raise
    __int__ = __float__ = __complex__ = __index__ = _raise

    def __format__(self, format_spec: str) -> str:
        return self._raise() if format_spec else str(self)


class SleighWorkerLostException(SleighException):
    """Each of the workers that ran a task ended before it was done; the ``__cause__`` of the task's
    exception."""


class Status:
    """The status codes of replies.

    The codes below 3000 are those of server 2.0.0 (all original clients only test for zero);
    the others belong to our extensions. A connection that did not ask for the extensions is
    only ever sent ``OK`` and ``FAILED``.
    """

    OK: Final = 0
    FAILED: Final = 1
    NO_WORKSPACE: Final = 100
    INTERNAL: Final = 2000
    NOT_OPEN: Final = 2001
    TIMED_OUT: Final = 3001
    CANCELLED: Final = 3002
    LEASE_LOST: Final = 3003
    REFUSED: Final = 3004
    """The request is malformed or goes beyond a limit of the server."""
    NO_VALUE: Final = 3008
    """A get that does not wait found nothing, or an iterator is at its end."""
    SHUT_DOWN: Final = 3009
    """The server was stopped while the operation waited."""


_EXCEPTIONS: Final[dict[int, type[NwsException]]] = {
    Status.FAILED: NwsOperationException,
    Status.NO_WORKSPACE: NwsNoWorkSpaceException,
    Status.NOT_OPEN: NwsNoWorkSpaceException,
    Status.TIMED_OUT: NwsTimeoutException,
    Status.CANCELLED: NwsOperationException,
    Status.LEASE_LOST: NwsLeaseLostException,
    Status.REFUSED: NwsOperationException,
    Status.NO_VALUE: NwsNoValueException,
    Status.SHUT_DOWN: NwsConnectionDroppedException,
    Status.INTERNAL: NwsServerException,
}


def exception_for(status: int) -> type[NwsException]:
    """Return the exception class of a status; an unknown status is an ordinary failure."""
    return _EXCEPTIONS.get(status, NwsOperationException)
