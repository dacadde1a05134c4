"""The nodes of a sleigh: what ``nodeList`` says of each machine, as objects, as text, or in a file.

As text, a node is a line: the host, and what is special there::

    hosta:8 python=/opt/python3.13/bin/python group=gpu env.CUDA_VISIBLE_DEVICES=0,1
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Final

from nws.errors import SleighIllegalValueException
from nws.sleigh.shared.groups import checked_group

__all__ = ["Node", "is_list_of_nodes", "node_of", "nodes_of"]

_HOST: Final = re.compile(r"(\[.+\]|[^:]+)(?::(\d+))?|([^:]*:[^:]*:.*)")
"""The last is an IPv6 address without brackets, which leaves no room for a number."""

_MAX_WORKERS: Final = 100_000
"""On one machine."""

_FILE_MARK: Final = "@"
"""Begins the path of a file of nodes."""

_VARIABLE_MARK: Final = "env."
"""Begins the key of a variable of the environment."""

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_TEXTS: Final = ("python", "folder", "group")
_COUNTS: Final = ("workers", "slots")
"""Keys of the number of workers; the second is that of Open MPI."""


@dataclass(frozen=True)
class Node:
    """A machine on which workers are to run, and what is special there.

    Attributes:
        host: its name, as the launch command needs it, such as ``hosta`` or ``me@hosta``.
        workers: how many it has.
        python: the program that runs them there, such as ``/opt/venv/bin/python``. By default it is
            that for which the worker's script was installed; see ``scriptDir`` of
            `nws.sleigh.Sleigh`.
        folder: where they run, which must be there. By default it is that of the sleigh.
        group: to which they belong; empty for none. See ``docs/sleigh.md``.
        environment: variables that Python and what it runs find there, beside those of the login.
            The values are sent on the stdin of the command, as others can see its words.

    Raises:
        SleighIllegalValueException: one of them cannot be used.
    """

    host: str
    _: KW_ONLY
    workers: int = 1
    python: str = ""
    folder: str = ""
    group: str = ""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        texts: dict[str, Any] = {"host": self.host, "python": self.python, "folder": self.folder}
        for name, text in texts.items():
            if not isinstance(text, str) or "\0" in text:
                raise SleighIllegalValueException(f"{name}={text!r} of a node is no text")
        if not self.host or self.host.startswith("-") or re.search(r"\s", self.host):
            raise SleighIllegalValueException(f"host={self.host!r} is no name of a machine")
        if type(self.workers) is not int or not 0 < self.workers <= _MAX_WORKERS:
            raise SleighIllegalValueException(
                f"workers={self.workers!r} of {self.host} is not a number from 1 to {_MAX_WORKERS}"
            )
        checked_group(self.group)
        check_environment(f"environment= of {self.host}", self.environment)


def check_environment(name: str, environment: Any) -> None:
    """Raise SleighIllegalValueException, with the name of an argument, unless this is a mapping of
    variables to their texts."""
    is_mapping = isinstance(environment, Mapping)
    if not is_mapping or not all(map(_is_variable, environment.items())):
        raise SleighIllegalValueException(
            f"{name} is not a dict of names of variables and their texts"
        )


def _is_variable(item: tuple[Any, Any]) -> bool:
    name, value = item
    is_name = isinstance(name, str) and _VARIABLE.fullmatch(name) is not None
    return is_name and isinstance(value, str) and "\0" not in value


def is_list_of_nodes(nodes: Any) -> bool:
    """Tell whether this is a list of `Node` objects, or of texts."""
    is_sequence = isinstance(nodes, Sequence) and not isinstance(nodes, str)
    return is_sequence and all(isinstance(node, (str, Node)) for node in nodes)


def nodes_of(nodes: Any) -> list[Node]:
    """Return the nodes of a ``nodeList``: first those with a group, which keep their workers.

    Args:
        nodes: `Node` objects and texts, of which those with ``@`` and a path stand for a file that
            has a text on each line; or only one of the latter.

    Raises:
        SleighIllegalValueException: it is something else, or has none.
    """
    entries = [nodes] if isinstance(nodes, str) and nodes.startswith(_FILE_MARK) else nodes
    found = list(chain(*map(_nodes_in, entries))) if is_list_of_nodes(entries) else []
    if not found:
        raise SleighIllegalValueException(
            f"nodeList={nodes!r}: a sleigh needs a list of the names of machines, or '@' and the "
            "path of a file with one on each line"
        )
    return sorted(found, key=lambda node: not node.group)


def _nodes_in(entry: str | Node) -> Iterator[Node]:
    """Yield the nodes for which an entry of a list stands."""
    if isinstance(entry, Node):
        yield entry
    elif entry.startswith(_FILE_MARK):
        yield from _read(Path(entry.removeprefix(_FILE_MARK)))
    else:
        yield _placed(f"nodeList has the entry {entry!r}", entry)


def _read(path: Path) -> Iterator[Node]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise SleighIllegalValueException(f"the nodes in {path} cannot be read: {error}") from error
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            yield _placed(f"{path}, line {number}", line)


def _placed(place: str, text: str) -> Node:
    """Read a node; if it is none, say where it stands."""
    try:
        return node_of(text)
    except SleighIllegalValueException as error:
        raise SleighIllegalValueException(f"{place}: {error}") from None


def node_of(text: str) -> Node:
    """Read a node, such as ``hosta``, ``hosta:8`` or ``hosta workers=8 group=gpu``.

    Words are quoted as in a shell, and what follows a ``#`` is a comment.

    Raises:
        SleighIllegalValueException: it is none.
    """
    try:
        host, *words = shlex.split(text, comments=True)
    except ValueError as error:
        raise SleighIllegalValueException(
            f"there is no host, or a quote is open ({error})"
        ) from None
    form = _HOST.fullmatch(host)
    if form is None:
        raise SleighIllegalValueException(
            f"{host!r} is not the name of a machine, which may have the number of its workers "
            "behind a colon, as in 'hosta:8'"
        )
    settings: dict[str, Any] = {"workers": _count(form[2])} if form[2] else {}
    environment: dict[str, str] = {}
    for word in words:
        key, mark, value = word.partition("=")
        name = "workers" if key in _COUNTS else key
        is_variable = key.startswith(_VARIABLE_MARK)
        if not mark or not (is_variable or key in (*_TEXTS, *_COUNTS)):
            raise SleighIllegalValueException(
                f"{key!r} is no setting of a node; there are workers=, python=, folder=, group= "
                "and, for variables of the environment, env.NAME="
            )
        if name in settings or key.removeprefix(_VARIABLE_MARK) in environment:
            raise SleighIllegalValueException(f"{name!r} is there twice")
        if is_variable:
            environment[key.removeprefix(_VARIABLE_MARK)] = value
        else:
            settings[name] = _count(value) if key in _COUNTS else value
    return Node(form[1] or form[3], environment=environment, **settings)


def _count(text: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) < 9
    if not is_number:
        raise SleighIllegalValueException(f"{text!r} is no number of workers, as in 'hosta:8'")
    return int(text)
