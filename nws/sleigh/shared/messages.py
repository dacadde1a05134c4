"""What travels between the master and the workers, and the variables in which it does.

A *call* is one use of the sleigh, such as an `eachElem`. Its *function*, with the fixed arguments,
is stored once, under a name made from its contents. A *task* is a run of consecutive elements of a
call, *results* are what became of such a run. Users' objects are packed one by one inside them: so
it is always known which element cannot be read, and only who needs an object unpickles it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from nws.errors import NwsUnpicklingException
from nws.sleigh.shared.pickling import PLAIN, Packed, is_in_pieces, packed_again
from nws.sleigh.shared.reloads import Reloaded
from nws.sleigh.shared.surroundings import Changes, are_changes

__all__ = [
    "BARRIER",
    "CALLS",
    "CANCEL",
    "CONTROL",
    "DEATHS",
    "EXCUSED",
    "INITIALIZER",
    "IN_INITIALIZER",
    "JOBS",
    "JOIN_SECONDS",
    "MAX_BATCH_BYTES",
    "MAX_RANKS",
    "MIN_LOADING_SECONDS",
    "NAME",
    "NO_CALL",
    "NO_ELEMENT",
    "OUTPUT_READ",
    "RANKS",
    "RANK_COUNT",
    "RESULT",
    "SHIPMENT",
    "SUSPECTS",
    "TASK",
    "WORKER",
    "WORKER_COUNT",
    "Call",
    "Control",
    "Death",
    "Failure",
    "Lines",
    "Results",
    "Task",
    "cancelled_results",
    "control_from_wire",
    "copies_variable",
    "cut_at",
    "data_variable",
    "death_from_wire",
    "failures_variable",
    "is_queue",
    "kill_variable",
    "log_dropped",
    "message_from_wire",
    "message_to_wire",
    "output_size",
    "output_variable",
    "ranks_variable",
    "task_from_wire",
    "task_to_wire",
    "worker_variable",
]

TASK: Final = "task"
RESULT: Final = "result"
"""Holds `Results` and `Lines`."""
DEATHS: Final = "deaths"
"""Holds a `Death` for each worker that died at an element of a call under way."""
CONTROL: Final = "control"
"""What the master wants of supervisors, as a `Control`."""
CANCEL: Final = "cancel"
"""Holds the numbers of calls, as texts, that somebody asks the master to cancel."""
INITIALIZER: Final = "initializer"
"""Holds the function that each worker calls before its first task; nothing if there is none."""
SHIPMENT: Final = "shipment"
"""Modules and packages for the workers of this sleigh, as the bytes of a zip archive."""
NAME: Final = "name"
"""Holds what the user calls the sleigh; there is no such variable if that is nothing."""
BARRIER: Final = "barrier"
"""The number of the last ``eachWorker`` that is over; its workers wait for it."""
RANK_COUNT: Final = "rankCount"
"""The next worker's rank; -1 when the group is closed. It is leased by who changes it."""
SUSPECTS: Final = "suspects"
"""Holds one value, leased by the worker that runs an element which was lost several times."""
WORKER_COUNT: Final = "workerCount"
"""How many workers there are; stored when the group is closed."""

OUTPUT_READ: Final = "outputRead"
"""By rank, how much of its workers' output the master has read; see `output_size`."""

# Reports: JSON texts for people who look at the workspace, in variables that keep the last one.

WORKER: Final = "worker"
"""Begins the name of a variable for each rank, in which its supervisor says what is known of it."""
CALLS: Final = "calls"
"""What the master says of its calls."""

JOBS: Final = "jobs"
"""What it says of its batch jobs."""

RANKS: Final = "ranks "
"""Begins the name of a variable for each supervisor; see `ranks_variable`."""

MAX_RANKS: Final = 2**20
"""Ranks that are none are higher."""

JOIN_SECONDS: Final = 60.0
"""For workers to join."""

MIN_LOADING_SECONDS: Final = 20.0
"""For a call's function to be read and all that it imports, and for the initializer, where elements
have less time."""

MAX_BATCH_BYTES: Final = 16 * 1024 * 1024
"""Tasks or results with more bytes than this are sent before further ones are packed."""

_LINE_BYTES: Final = 32
"""Of a line besides its text."""

NO_ELEMENT: Final = -1
"""In place of an element: none has run yet, or the function was being read."""

IN_INITIALIZER: Final = -2
"""In place of an element: the initializer ran."""

EXCUSED: Final = -3
"""In place of an element, in a `Death`: the worker was told to leave, so none is to blame."""

NO_CALL: Final = 0
"""In place of a call's number, in `Results`: they hold the `Failure` of the initializer."""


class Call(NamedTuple):
    """What all tasks of a call share, but for the function's contents."""

    number: int
    function: str
    """Name of the variable that holds it."""
    worker_count: int
    everyone: int = 0
    """If it is not 0, each worker does exactly one task, whose element is its rank. Workers of this
    rank or higher have joined too late for it."""
    timeout: float = 0.0
    """Seconds that one element may take, and so may the initializer and the reading of the function
    unless these are fewer than `MIN_LOADING_SECONDS`; 0 for any time."""
    retries: int = 0
    """Times that an element that failed is tried again."""
    seed: int | None = None
    queue: str = TASK
    """Name of the variable that holds its tasks; another one if they are for a group only."""
    reloaded: Reloaded = ()
    """Modules that the master has reloaded since the sleigh began."""
    changes: Changes = ()
    """What has changed of the master's environment and working folder since then."""
    initialized: bool = False
    """Workers call the sleigh's initializer before their first task."""


class Task(NamedTuple):
    """A run of consecutive elements. ``first`` and the number of elements name it within its call:
    no two tasks that exist at the same time have both in common."""

    call: Call
    first: int
    elements: Sequence[Packed]
    """The arguments of each."""
    failures: int = 0
    """Times that the only element has failed already."""
    lost: int = 0
    """Times that this task was lost together with the supervisor of its worker, or was done but not
    sent."""


class Failure(NamedTuple):
    """Why there is no result for an element."""

    text: str
    """The remote traceback, or another reason."""
    cause: Packed = b""
    """The packed exception, if it could be packed."""
    of_call: bool = False
    """The function cannot be read, so no element can be run there."""

    @property
    def summary(self) -> str:
        """The line that says most: the last one of a traceback, else the first one."""
        lines = self.text.strip().split("\n")
        # It may be the second line: the first says then at which stage it was.
        is_traceback = any("Traceback (most recent call last):" in line for line in lines[:2])
        return lines[-1 if is_traceback else 0]


class Results(NamedTuple):
    """What became of a run of elements."""

    call: int
    rank: int
    first: int
    outcomes: Sequence[Packed | Failure | None]
    """None for an element that is tried again."""
    seconds: float
    """For all of them together."""
    lines: tuple[int, int] = (0, 0)
    """Process id of the worker, and how many lines it has written so far."""


def cancelled_results(call: int, rank: int, first: int, size: int) -> Results:
    """Return what a worker sends in place of results if it drops elements of a cancelled call.
    Nobody waits for them, unless somebody else than the master has cancelled it."""
    failed = Failure(
        f"it was dropped, since the variable {CONTROL!r} says that its call was cancelled"
    )
    return Results(call, rank, first, size * [failed], 0.0)


class Lines(NamedTuple):
    """What a worker has written."""

    rank: int
    lines: tuple[int, int]
    """Process id of the worker, and how many lines it had printed or logged, with these."""
    texts: Sequence[tuple[int, int, str, str]]
    """Call and element (`NO_ELEMENT` before the first), ``stdout``, ``stderr`` or ``log``, and the
    text."""
    died: int = 0
    """If these are its last, and there is a `Death` of it: the number of the call of that."""


def output_size(texts: Sequence[tuple[int, int, str, str]]) -> int:
    """Return about how many bytes lines take on the server."""
    return sum(len(text) for *_, text in texts) + _LINE_BYTES * len(texts)


class Death(NamedTuple):
    """The end of a worker during an element of a task; noted by its supervisor."""

    call: int
    first: int
    size: int
    """These two name the task."""
    element: int
    """The element that ran; `NO_ELEMENT` if the function was being read, `IN_INITIALIZER`, or
    `EXCUSED`."""
    begin: int
    end: int
    """The elements that are still to be done; others of the task were passed on before."""
    overdue: bool
    """The worker was killed because the element took longer than it may."""
    text: str
    """How the worker ended, in one line, and what else is known in more."""


def is_queue(variable: str) -> bool:
    """Tell whether a variable of this name holds tasks: for anybody, or for a group."""
    return variable.partition(" ")[0] == TASK


def worker_variable(rank: int) -> str:
    """Return the name of the variable with what is known of a worker."""
    return f"{WORKER} {rank}"


def ranks_variable(supervisor: str) -> str:
    """Return the name of the variable with the ranks of a supervisor's workers."""
    return f"{RANKS}{supervisor}"


def copies_variable(name: str) -> str:
    """Return the name of the variable with the paths of a scattered value's copies on machines."""
    return f"copies {name}"


def data_variable(name: str) -> str:
    """Return the name of the variable with a scattered value."""
    return f"data {name}"


def failures_variable(rank: int) -> str:
    """Return the name of the variable with the last failures that a worker has reported."""
    return f"failures {rank}"


def output_variable(rank: int) -> str:
    """Return the name of the variable with the last lines that a worker has written."""
    return f"output {rank}"


def kill_variable(id: str) -> str:
    """Return the name of the variable with the process ids, as texts, of workers that somebody asks
    the supervisor with this id to kill."""
    return f"kill {id}"


def cut_at(task: Task, places: Sequence[int]) -> Iterator[Task]:
    """Cut a task before these elements."""
    bounds = [task.first, *places, task.first + len(task.elements)]
    for begin, end in pairwise(bounds):
        elements = task.elements[begin - task.first : end - task.first]
        if elements:
            yield task._replace(first=begin, elements=[packed_again(each) for each in elements])


class Control(NamedTuple):
    """What the master wants of supervisors."""

    floor: int = 0
    """Below which all calls are over."""
    cancelled: tuple[int, ...] = ()
    """Other calls that were cancelled, the newest last."""
    wanted: tuple[tuple[str, tuple[int, ...]], ...] = ()
    """The ids of supervisors whose workers are not those that they have begun with, each with the
    ranks of its workers."""

    def ranks_of(self, id: str) -> tuple[int, ...] | None:
        """Return the ranks of a supervisor's workers; None if these are those of its beginning."""
        return dict(self.wanted).get(id)


def control_from_wire(value: Any) -> Control | None:
    """Return what `CONTROL` holds; None for anything but a `Control`, which others may have stored
    there."""
    match value:
        case (int(floor), tuple(cancelled), tuple(wanted)):
            if all(map(_is_call_number, (floor, *cancelled))) and all(map(_is_wish, wanted)):
                return Control(floor, cancelled, wanted)
    return None


def _is_wish(wish: Any) -> bool:
    match wish:
        case (str(), tuple(ranks)):
            return all(type(rank) is int and 0 <= rank < MAX_RANKS for rank in ranks)
    return False


def _is_call_number(number: Any) -> bool:
    return type(number) is int and 0 <= number < 2**63


# On the wire they are plain tuples, which are quicker to write and to read. Others may store
# anything there: so what arrives is checked, and is None if none of us can have written it.

_log = logging.getLogger("nws")

_MAX_NUMBER: Final = 2**62
"""A power of two: so numbers are all in range if all their bits together are."""

_MAX_SECONDS: Final = 2.0**62 / 1e9
"""They are counted in nanoseconds somewhere."""

_PACKED_KINDS: Final[frozenset[type]] = PLAIN | {bytes, list, tuple}
_OUTCOME_KINDS: Final[frozenset[type]] = _PACKED_KINDS | {Failure, type(None)}


def log_dropped(variable: str, value: Any) -> None:
    """Say that what somebody has stored in a variable does not belong there and was dropped."""
    what = str(value) if isinstance(value, NwsUnpicklingException) else type(value).__name__
    _log.warning("dropped what no sleigh has stored in the variable %r: %s", variable, what[:200])


def task_to_wire(task: Task) -> tuple[Any, ...]:
    """Return what goes into the queue of its call."""
    return (tuple(task.call), *task[1:])


def task_from_wire(value: Any, known: Call | None = None) -> Task | None:
    """Undo `task_to_wire`.

    Args:
        value: what was in the variable.
        known: the call of another task. What this one's has in common with it is not checked again.
    """
    try:
        call_fields, first, elements, failures, lost = value
        call = known if call_fields == known else _call_from_wire(call_fields, known)
        if (
            call is not None
            and _is_number(first | failures | lost)
            and _are_packed(elements, _PACKED_KINDS)
        ):
            return Task(call, first, elements, failures, lost)
    except (TypeError, ValueError):
        pass
    return None


def _call_from_wire(fields: Any, known: Call | None) -> Call | None:
    if known is not None and fields[1:] == known[1:]:  # as in a burst of submitted calls
        return Call._make(fields) if _is_number(fields[0]) else None
    number, function, size, everyone, timeout, retries, *others = fields
    seed, queue, reloaded, changes, initialized = others
    if (
        _is_number(number | size | everyone | retries)
        and function.__class__ is str
        and queue.__class__ is str
        and is_queue(queue)
        and initialized.__class__ is bool
        and timeout.__class__ is float
        and 0 <= timeout < _MAX_SECONDS
        and (seed is None or seed.__class__ is int)
        and (reloaded == () or _are_reloaded(reloaded))
        and (changes == () or are_changes(changes))
    ):
        return Call(*fields)
    return None


def _are_reloaded(reloaded: Any) -> bool:
    return type(reloaded) is tuple and all(
        tuple(map(type, each)) == (str, str) for each in reloaded
    )


def message_to_wire(message: Results | Lines) -> tuple[Any, ...]:
    """Return what goes into the variable `RESULT`."""
    return (isinstance(message, Results), *message)


def message_from_wire(value: Any) -> Results | Lines | None:
    """Undo `message_to_wire`."""
    try:
        if value[0] is True:
            _, call, rank, first, outcomes, seconds, lines = value
            pid, count = lines
            numbers = call | rank | first | pid | count
            if (
                numbers.__class__ is int  # this and the next are `_is_number`, for speed
                and 0 <= numbers < _MAX_NUMBER
                and lines.__class__ is tuple
                and 0 <= seconds < _MAX_SECONDS
                and _are_packed(outcomes, _OUTCOME_KINDS)
            ):
                return Results(call, rank, first, outcomes, seconds, lines)
        elif value[0] is False:
            said = Lines(*value[1:])
            return said if _are_lines(said) else None
    except (TypeError, ValueError, LookupError):
        pass
    return None


def _are_lines(said: Lines) -> bool:
    rank, (pid, count), texts, died = said
    return _is_number(rank | pid | count | died) and all(
        tuple(map(type, text)) == (int, int, str, str) for text in texts
    )


def _is_number(bits: Any) -> bool:
    """Tell whether all numbers, whose bits these are, are whole and not out of range."""
    return type(bits) is int and 0 <= bits < _MAX_NUMBER


def _are_packed(things: Any, kinds: frozenset[type]) -> bool:
    """Tell whether these are what `nws.sleigh.shared.pickling.pack` returns, or else allowed."""
    if type(things) is not list:
        return False
    if len(things) == 1 and type(things[0]) is not tuple:  # for the sake of short tasks
        return type(things[0]) in kinds
    found = {*map(type, things)}
    return found <= kinds and (
        tuple not in found or all(map(is_in_pieces, filter(_is_tuple, things)))
    )


def _is_tuple(thing: Any) -> bool:
    return type(thing) is tuple


def death_from_wire(value: Any) -> Death | None:
    """Return a `Death` that was stored as a tuple."""
    try:
        death = Death(*value)
    except TypeError:
        return None
    *numbers, overdue, text = death
    kinds = {*map(type, numbers)}, type(overdue), type(text)
    return death if kinds == ({int}, bool, str) else None
