"""Python programs that tests run in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.server import PATIENCE, environment

FOLDER = Path(__file__).parents[1]


def command(program: str, *arguments: object) -> list[str]:
    """Form the command for a program, named by its path below ``tests``."""
    return [sys.executable, str(FOLDER / program), *map(str, arguments)]


@contextmanager
def started(program: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Start a program with pipes to talk to it; it is killed if it is still there at the end."""
    process = subprocess.Popen(
        command(program, *arguments),
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def output_of(program: str, *arguments: object) -> str:
    """Run a program to its end, which must be a good one, and return what it printed."""
    return subprocess.run(
        command(program, *arguments),
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
        check=True,
    ).stdout
