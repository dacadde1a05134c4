"""Another user of this machine, who tries what a test says."""

from __future__ import annotations

import encodings.idna  # noqa: F401 - that user may not read the files of this Python
import json
import os
import socket
import ssl
import subprocess
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import pytest

from nws.wire.dialect import EXTENSIONS, LOGIN, METADATA_FROM_SERVER
from tests.support.certificates import trusting
from tests.support.frames import framed_dict, request
from tests.support.server import PATIENCE

_NOBODY: Final = 65534
"""A user whom every system has, and who may do nothing."""

_OPTIONS: Final = {METADATA_FROM_SERVER: b"1", EXTENSIONS: b"1"}
HELLOS: Final[dict[str, tuple[bytes, ...]]] = {
    "original": (b"1112",),
    "original without cookies": (b"0000",),
    "negotiated": (b"X000", b"R000" + framed_dict({})),
    "ours": (b"X000", b"R000" + framed_dict(_OPTIONS)),
    "ours with a false proof": (b"X000", b"R000" + framed_dict({**_OPTIONS, LOGIN: 96 * b"0"})),
    "at once": (b"X000R0000000" + request("delete ws", "mine"),),
    "a web page": (b"1112 / HTTP/1.1\r\nHost: x\r\n\r\n",),
}
"""What a program may say: pieces, each of which waits for an answer to the one before."""


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


def answers(address: Any, said: tuple[bytes, ...], *, by_tls: bool = False) -> list[str]:
    """Connect and say this; return the beginnings of what came back, until the end."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    heard = []
    with ExitStack() as stack:
        sock = stack.enter_context(socket.socket(family))
        sock.settimeout(PATIENCE)
        sock.connect(address)
        try:
            if by_tls:
                sock = stack.enter_context(trusting().wrap_socket(sock))
            for text in said:
                sock.sendall(text)
                heard.append(sock.recv(4096)[:4].decode())
            heard.append(sock.recv(1).decode("latin-1") and "more")
        except (ConnectionError, ssl.SSLError):
            heard.append("")
    return heard


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
