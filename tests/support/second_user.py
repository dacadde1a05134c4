"""Another user of this machine, who tries what a test says."""

from __future__ import annotations

import encodings.idna  # noqa: F401 - that user may not read the files of this Python
import json
import os
import subprocess
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

_NOBODY: Final = 65534
"""A user whom every system has, and who may do nothing."""


def require_second_user() -> None:
    """Skip the test if this process cannot become another user. In CI it fails."""
    reason = "only root can become another user"
    if os.geteuid() != 0 and os.environ.get("CI"):
        pytest.fail(reason)
    if os.geteuid() != 0:
        pytest.skip(reason)


def as_second_user(work: Callable[[], Any]) -> Any:
    """Do something as another user, in a fork; return the result, which goes by way of JSON."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(read_end)
            _become_nobody()
            text = json.dumps(work())
        except BaseException:
            text = json.dumps({"failed": traceback.format_exc()})
        os.write(write_end, text.encode())
        os._exit(0)
    os.close(write_end)
    with open(read_end, "rb") as file:
        result = json.load(file)
    os.waitpid(pid, 0)
    assert not isinstance(result, dict) or "failed" not in result, result["failed"]
    return result


@contextmanager
def program_of_second_user(*command: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program as another user until the end of the block."""
    with subprocess.Popen(
        command,
        user=_NOBODY,
        group=_NOBODY,
        extra_groups=[],
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _become_nobody() -> None:
    os.setgroups([])
    os.setgid(_NOBODY)
    os.setuid(_NOBODY)
