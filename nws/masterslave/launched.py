"""A slave that runs code which the master has stored: started by the master, or by hand with
``nws task_manager slave``."""

from __future__ import annotations

import linecache
import os
import sys
import types
from contextlib import closing
from importlib.util import decode_source
from pathlib import Path
from typing import Final, NamedTuple

from nws.errors import MasterSlaveException
from nws.masterslave.task_manager import TaskManager
from nws.processes.life_line import end_with

__all__ = [
    "MASTER_HOST",
    "SLAVE_LABEL",
    "SlaveCode",
    "main",
    "master_host_of",
    "run_stored_code",
    "stored_code",
]

SLAVE_LABEL: Final = "SLAVE_PROCESS_LABEL"
"""Name in the main program of a launched slave: its label, as in the original."""

MASTER_HOST: Final = "SLAVE_PROCESS_MASTER_HOST"
"""Likewise: where its master's own server is; None for the usual server."""


class SlaveCode(NamedTuple):
    """What a master stores for slaves to come.

    Attributes:
        source: the text of a program.
        file: its name.
        argv: the arguments of the master's program.
    """

    source: str
    file: str
    argv: list[str]

    @classmethod
    def of_file(cls, file: str, argv: list[str] | None = None) -> SlaveCode:
        """Read a program; its arguments are its name alone, unless others are given.

        Raises:
            OSError, SyntaxError, UnicodeDecodeError: it cannot be read, or is no program.
        """
        path = Path(file).absolute()
        source = decode_source(path.read_bytes())
        compile(source, str(path), "exec", dont_inherit=True)  # or each slave would raise it
        return cls(source, str(path), argv or [str(path)])


def master_host_of(label: str) -> str | None:
    """Return where the master's own server is, in a slave that was launched for this label."""
    main_program = vars(sys.modules["__main__"])
    return main_program.get(MASTER_HOST) if main_program.get(SLAVE_LABEL) == label else None


class StoredCode(NamedTuple):
    """What a launched slave is to run, and where."""

    code: SlaveCode
    folder: str


def stored_code(label: str, master_host: str | None) -> StoredCode:
    """Return the code that a master has stored, and the folder in which it runs.

    Raises:
        MasterSlaveException: there is no such master, or it has stored no code.
    """
    with closing(TaskManager(label, master_host)) as manager:
        try:
            code = SlaveCode(*manager.retrieveData("slave_code"))
            return StoredCode(code, manager.retrieveData("cwd"))
        except KeyError as error:
            raise MasterSlaveException(
                f"the master of {label!r} has stored no code for slaves: give slave_script= or "
                "slave_module= to initializeMasterProcess, or use runJob"
            ) from error


def run_stored_code(stored: StoredCode, label: str, master_host: str | None) -> None:
    """Become a slave: run the code that the master has stored, in its folder, as main program.

    Raises:
        MasterSlaveException: the folder is not on this machine.
    """
    try:
        os.chdir(stored.folder)
    except OSError as error:
        raise MasterSlaveException(
            f"the folder in which the master of {label!r} runs cannot be entered here: {error}"
        ) from error
    _run(*stored, {SLAVE_LABEL: label, MASTER_HOST: master_host})


def _run(code: SlaveCode, folder: str, names: dict[str, object]) -> None:
    main_program = types.ModuleType("__main__")
    main_program.__dict__.update(names, __file__=code.file)
    sys.modules["__main__"] = main_program
    sys.argv = code.argv
    sys.path[:0] = [str(Path(folder, code.file).parent), folder]
    # So tracebacks show lines, even where the file is not.
    lines = code.source.splitlines(keepends=True)
    linecache.cache[code.file] = (len(code.source), None, lines, code.file)
    exec(compile(code.source, code.file, "exec", dont_inherit=True), main_program.__dict__)


def main(label: str, master_host: str | None) -> None:
    """Be a slave that ends with the process at the other end of stdin, its master.

    Its own stdin is empty.
    """
    life_line = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    end_with(life_line)
    run_stored_code(stored_code(label, master_host), label, master_host)
