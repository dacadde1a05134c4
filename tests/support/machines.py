"""Another machine: a network namespace, if this user may make one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

HERE: Final = "10.213.97.1"
THERE: Final = "10.213.97.2"
"""Addresses of this machine and the other one on the link between them."""


@contextmanager
def another_machine() -> Iterator[str]:
    """Make a network namespace, linked to this one; its name is that of the link, too."""
    name = f"nwstest{os.getpid() % 10000}"
    commands = [
        f"ip netns add {name}",
        f"ip link add {name} type veth peer name far netns {name}",
        f"ip addr add {HERE}/24 dev {name}",
        f"ip link set {name} up",
        f"ip -n {name} addr add {THERE}/24 dev far",
        f"ip -n {name} link set far up",
        f"ip -n {name} link set lo up",
    ]
    try:
        for command in commands:
            done = subprocess.run(command.split(), capture_output=True, check=False)
            if done.returncode:
                pytest.skip(f"cannot make a network namespace: {done.stderr.decode()}")
        yield name
    finally:
        subprocess.run(f"ip link del {name}".split(), capture_output=True, check=False)
        subprocess.run(f"ip netns del {name}".split(), capture_output=True, check=False)
