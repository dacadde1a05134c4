"""The conversations of the original, byte for byte, in memory and with a real server."""

from pathlib import Path

import pytest

from tests.support.bytescript import MemoryStage, Player
from tests.support.link import MemoryServer
from tests.support.server import running
from tests.support.stages import ProcessStage

VECTORS = Path(__file__).with_name("vectors.txt").read_text()
ORIGINAL_OFFERS = frozenset({b"MetadataToServer", b"MetadataFromServer"})

with_and_without = pytest.mark.parametrize(
    ("extensions", "offers"),
    [
        (True, ORIGINAL_OFFERS | {b"NwsExtensions", b"NwsPeerTimeout", b"NwsSession"}),
        (False, ORIGINAL_OFFERS),
    ],
    ids=["extensions on", "extensions off"],
)


@with_and_without
def test_in_memory(extensions: bool, offers: frozenset[bytes]) -> None:
    server = MemoryServer(extensions=extensions)
    Player(MemoryStage(server), offers).play(VECTORS)
    server.check()


@with_and_without
def test_with_a_real_server(extensions: bool, offers: frozenset[bytes], tmp_path: Path) -> None:
    options = () if extensions else ("--no-extensions",)
    with running(tmp_path, *options) as server, ProcessStage(server) as stage:
        Player(stage, offers).play(VECTORS)
