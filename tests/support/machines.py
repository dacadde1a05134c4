"""Other machines: network namespaces, if this user may make them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

NETWORK: Final = f"10.213.{os.getpid() % 256}"
"""Tests that run beside these in another process have another one."""

HERE: Final = f"{NETWORK}.1"
THERE: Final = f"{NETWORK}.2"
ALSO_THERE: Final = f"{NETWORK}.3"
"""Addresses of this machine and others on the network between them."""


@contextmanager
def another_machine() -> Iterator[str]:
    """Make a network namespace, linked to this one; its name is that of the link, too."""
    name = f"nwstest{os.getpid() % 10000}"
    with _made(
        [
            f"ip netns add {name}",
            f"ip link add {name} type veth peer name far netns {name}",
            f"ip addr add {HERE}/24 dev {name}",
            f"ip link set {name} up",
            *_there(name, THERE),
        ],
        [f"ip link del {name}", f"ip netns del {name}"],
    ):
        yield name


@contextmanager
def two_machines() -> Iterator[list[str]]:
    """Make two network namespaces in one network with this one; the first has the address `THERE`.
    Their names are those of their links, too."""
    with several_machines(2) as machines:
        yield list(machines.values())


@contextmanager
def several_machines(count: int) -> Iterator[dict[str, str]]:
    """Make network namespaces in one network with this one. Return their names, which are those of
    their links, too, by their addresses."""
    network = f"nwsnet{os.getpid() % 10000}"
    machines = {f"{NETWORK}.{place + 2}": f"{network}{place}" for place in range(count)}
    with _made(
        [
            f"ip link add {network} type bridge",
            f"ip addr add {HERE}/24 dev {network}",
            f"ip link set {network} up",
            *(command for name in machines.values() for command in _linked(name, network)),
            *(each for address, name in machines.items() for each in _there(name, address)),
        ],
        # The links as well: a namespace ends later, with the last process in it, and they with it.
        [
            *(f"ip link del {name}" for name in machines.values()),
            *(f"ip netns del {name}" for name in machines.values()),
            f"ip link del {network}",
        ],
    ):
        yield machines


@contextmanager
def knowing(machine: str, addresses: Mapping[str, str]) -> Iterator[None]:
    """Let a machine know others by names, with their addresses."""
    folder = Path("/etc/netns") / machine  # what is there takes the place of what is in /etc
    folder.mkdir(parents=True)
    try:
        lines = [f"{address} {name}\n" for name, address in addresses.items()]
        (folder / "hosts").write_text("".join(["127.0.0.1 localhost\n", *lines]))
        yield
    finally:
        shutil.rmtree(folder)


def plug(link: str, *, in_: bool) -> None:
    """Plug the link of a machine in, or unplug it."""
    subprocess.run(["ip", "link", "set", link, "up" if in_ else "down"], check=True)


def _linked(name: str, network: str) -> list[str]:
    return [
        f"ip netns add {name}",
        f"ip link add {name} type veth peer name far netns {name}",
        f"ip link set {name} master {network} up",
    ]


def _there(name: str, address: str) -> list[str]:
    return [
        f"ip -n {name} addr add {address}/24 dev far",
        f"ip -n {name} link set far up",
        f"ip -n {name} link set lo up",
        f"ip -n {name} route add default dev far",  # for the broadcast address of all networks
    ]


@contextmanager
def _made(commands: list[str], undo: list[str]) -> Iterator[None]:
    try:
        for command in commands:
            done = subprocess.run(command.split(), capture_output=True, check=False)
            if done.returncode:
                pytest.skip(f"cannot make a network namespace: {done.stderr.decode()}")
        yield
    finally:
        for command in undo:
            subprocess.run(command.split(), capture_output=True, check=False)
