"""No two public classes that meet in one process have the same name."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.checks.source import python_files


@dataclass(frozen=True)
class Process:
    """A kind of process.

    Attributes:
        name: what it is.
        packages: folders and files whose code it runs, relative to the checkout.
        without: those of them that it does not run.
    """

    name: str
    packages: tuple[str, ...]
    without: tuple[str, ...] = ()


PROCESSES: Final = (
    # A program for an event loop has one of the last two in place of the blocking client.
    Process("a client", ("nws",), without=("nws/aio", "nws/tx")),
    Process("the server", ("server/nws_server", "nws/wire", "nws/errors.py")),
    Process(
        "a babelfish",
        ("babelfish/nws_babelfish", "nws"),
        without=("nws/sleigh", "nws/cli", "nws/aio", "nws/tx"),
    ),
)


def shared_names(root: Path) -> Iterator[str]:
    """Describe each public class name that several modules of one process define."""
    for process in PROCESSES:
        places: dict[str, list[str]] = defaultdict(list)
        for path in _files(root, process):
            for name in _public_classes(path):
                places[name].append(str(path.relative_to(root)))
        for name, modules in sorted(places.items()):
            if len(modules) > 1:
                yield f"{name}: {process.name} has this class in {', '.join(modules)}"


def _files(root: Path, process: Process) -> Iterator[Path]:
    without = [root / each for each in process.without]
    for package in process.packages:
        path = root / package
        for file in python_files(path) if path.is_dir() else [path]:
            if not any(file.is_relative_to(each) for each in without):
                yield file


def _public_classes(path: Path) -> list[str]:
    """Return the names of a module's public classes, each once: it may define one in two ways."""
    tree = ast.parse(path.read_text(encoding="utf-8"), path)
    return sorted({name for name in _class_names(tree.body) if not name.startswith("_")})


def _class_names(statements: list[ast.stmt]) -> Iterator[str]:
    for statement in statements:
        if isinstance(statement, ast.ClassDef):
            yield statement.name
        elif isinstance(statement, ast.If):
            yield from _class_names([*statement.body, *statement.orelse])
        elif isinstance(statement, ast.Try):
            handlers = [each for handler in statement.handlers for each in handler.body]
            yield from _class_names([*statement.body, *handlers, *statement.orelse])
