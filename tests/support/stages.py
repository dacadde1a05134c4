"""A real server as a stage for conversations in bytes."""

from __future__ import annotations

from tests.support.bytescript import Stage
from tests.support.frames import Speaker
from tests.support.server import Client, Server


class ProcessStage(Stage):
    """Plays on a server process. Conversations may wait in one workspace only, ``demo``."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._observer: Client | None = None
        self._clients: list[Client] = []

    def __enter__(self) -> ProcessStage:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.close()

    def connect(self) -> Client:
        self._clients.append(self._server.client(None))
        return self._clients[-1]

    def must_be_silent(self, speaker: Speaker) -> None:
        # Whatever else the server had said would come before the answer to this.
        assert speaker.ask("nonsense").status == 1

    def must_hang_up(self, speaker: Speaker) -> None:
        assert isinstance(speaker, Client)
        assert speaker.at_end()

    def hang_up(self, speaker: Speaker) -> None:
        assert isinstance(speaker, Client)
        speaker.close()

    def until_waiting(self, count: int) -> None:
        if self._observer is None:
            self._observer = self._server.client(ws="demo")
            self._clients.append(self._observer)
        self._observer.until_waiting("demo", count)
