"""What the model of a space consists of: plain data, as small as it can be."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.support.answers import Answer


@dataclass(eq=False)
class Item:
    """One stored value; no two have the same payload."""

    payload: bytes
    index: int = 0
    attempt: int = 0


@dataclass(eq=False)
class Workspace:
    alive: bool = True
    owned: bool = False
    owner: int | None = None
    persistent: bool = False
    variables: dict[bytes, Variable] = field(default_factory=dict)
    probed: list[bytes] = field(default_factory=list)


@dataclass(eq=False)
class Variable:
    name: bytes
    workspace: Workspace
    mode: bytes | None = None
    alive: bool = True
    stored: int = 0
    items: list[Item] = field(default_factory=list)
    fetchers: list[Wait] = field(default_factory=list)
    finders: list[Wait] = field(default_factory=list)
    id: bytes = b"?"  # until an answer tells


@dataclass(eq=False)
class Timed:
    """What has a deadline, and when that was set, for those with the same one."""

    deadline: float | None = None
    entered: int = 0


@dataclass(eq=False)
class Wait(Timed):
    """A get, whether it has to wait or not."""

    answer: Answer = field(kw_only=True)
    session: int = field(kw_only=True)
    variable: Variable = field(kw_only=True)
    also: list[Variable] = field(default_factory=list)
    removes: bool = True
    limit: int | None = None
    lease: float | None = None
    after: int = -1


@dataclass(eq=False)
class Lease(Timed):
    id: int = field(kw_only=True)
    item: Item = field(kw_only=True)
    variable: Variable = field(kw_only=True)
    session: int = field(kw_only=True)


@dataclass(eq=False)
class Delivery:
    """What a fetch or take was answered with. Unconfirmed it is in the session's hands."""

    answer: Answer
    session: int
    variable: Variable
    items: list[Item]
    confirmed: bool
