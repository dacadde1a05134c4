"""Questions for nodes by UDP, and what is made of strange answers."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from nws.session.address import Address
from nws.sleigh.node.discovery import answer_questions, ask

HERE = "127.0.0.1"

SAID = [
    *(b"", b"\xff", b"nws node at ", b"nws node at host:0", b"x nws node at a:1"),
    *(b"nws node at 10.0.0.7:1", b"nws node at 0.0.0.0:2", b"nws node at [::]:3"),
]


class Stranger(asyncio.DatagramProtocol):
    """Says what no node says, and then what nodes say."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for answer in SAID:
            self.transport.sendto(answer, addr)


async def answers(number: int) -> list[Address]:
    """Ask a stranger until so many nodes have been found."""
    loop = asyncio.get_running_loop()
    stranger, _ = await loop.create_datagram_endpoint(Stranger, local_addr=(HERE, 0))
    found: asyncio.Queue[Address] = asyncio.Queue()
    port = stranger.get_extra_info("sockname")[1]
    asking = asyncio.create_task(ask(HERE, port, found.put_nowait, 3600.0))
    addresses = [await asyncio.wait_for(found.get(), 20) for _ in range(number)]
    asking.cancel()
    stranger.close()
    return addresses


def test_what_is_no_answer_is_dropped() -> None:
    expected = [Address("10.0.0.7", 1), Address(HERE, 2), Address(HERE, 3)]
    assert asyncio.run(answers(3)) == expected


def test_a_broadcast_address_of_no_network_is_named() -> None:
    with pytest.raises(OSError, match=r"sent to 203\.0\.113\.255, port 7 of UDP: "):
        asyncio.run(answer_questions(HERE, "203.0.113.255", 7, logging.getLogger("nws")))
