"""Settings that the master sends to a supervisor, and a supervisor to its workers: plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

__all__ = ["Settings", "Stay", "Where"]


class Where(NamedTuple):
    """What a worker needs to know: where the sleigh is, and the user's options."""

    host: str
    port: int
    workspace: str
    user_workspace: str
    lease_time: float
    log_level: int
    login: str = ""
    """Of the server, see `nws.workspace.server.NwsServer`; empty where a worker finds it by itself.
    It is sent through pipes only."""

    def __repr__(self) -> str:
        return f"Where({self.workspace!r} at {self.host}:{self.port})"


class Stay(NamedTuple):
    """For how long a supervisor stays, in seconds; 0 for any time."""

    lifetime: float = 0.0
    """Then it leaves: less than the time after which a batch system would kill it."""
    lifetime_stagger: float = 0.0
    """It leaves earlier by a random part of this, so that not all leave at once."""
    grace: float = 30.0
    """For what runs to end, when it has to leave."""
    idle_timeout: float = 0.0
    """Without a task, after which it leaves."""
    death_timeout: float = 0.0
    """Without a server, after which it ends; 0 for at once."""


class Settings(NamedTuple):
    """What a supervisor needs to know."""

    where: Where
    id: str
    """The same for a supervisor that is started in another's place."""
    workers: int = 1
    """How many to start."""
    expected: int = 0
    """The group is closed when it has this many workers; 0 if the user closes it."""
    machine: str = ""
    """By what name the user knows this machine."""
    working_folder: str = ""
    """Where workers run, if it is there."""
    needs_folder: bool = False
    """The user has named it: it must be there."""
    module_path: Sequence[str] = ()
    log_folder: str = ""
    """Where a file with all that the workers write is made; empty for none."""
    neighbours: int = 1
    """Workers of the sleigh on this machine, these included."""
    life_line: bool = False
    """Whether stdin is a pipe that ends with the master."""
    authkey: str = ""
    """The key of `multiprocessing`, in hexadecimal digits, by which the objects of the master's
    managers can be used; empty for none. It is sent through such a pipe only."""
    fresh: bool = False
    """Whether each task gets a worker in which none has run before."""
    job: str = ""
    """What a batch system calls the job in which it runs; empty if it runs in none."""
    stay: Stay = Stay()
    group: str = ""
    """To which its workers belong; empty for none."""

    @classmethod
    def from_plain(cls, plain: Sequence[Any]) -> Settings:
        """Make settings from what became of them as JSON."""
        settings = cls(Where(*plain[0]), *plain[1:])
        return settings._replace(stay=Stay(*settings.stay))
