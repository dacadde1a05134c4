"""Asks babelfishes for the text of a value that only its language can read.

A babelfish is a client like any other: it fetches ``food`` from a workspace named after its
language, and stores a text into ``doof``. Texts come in the order of the values, so a babelfish is
asked for one value at a time. Ours stores the rows and columns of a value, if it has such, into
``table`` just before its text.

Python values go to a babelfish that a user has started, if there is one, because it can know the
user's classes; else to the server's own (`babelfish_process`). Only the server's own can be killed
when a value takes too long.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import IReactorTime

from nws.errors import Status
from nws_server.core.values import Value
from nws_server.hub import Hub
from nws_server.web import babelfish_process as own
from nws_server.web.babelfish_process import BabelfishProcess
from nws_server.web.local_client import LocalClient, OperationFailed
from nws_server.web.value_tables import ValueTable, read_table

__all__ = ["Babelfishes", "Question", "Text"]

_VALUE_TIMEOUT_SECONDS: Final = 0.5
"""How long a babelfish may take for a value."""

_FIRST_VALUE_TIMEOUT_SECONDS: Final = 3.0
"""How long the server's own may take for its first value, for which it may import much."""

_MAX_TEXT_BYTES: Final = 100_000

_FOOD: Final = b"food"
_DOOF: Final = b"doof"
_TABLE: Final = b"table"


class Text(NamedTuple):
    """What is shown for a value.

    Attributes:
        text: the text.
        translated: False if the text says why the value cannot be shown.
        lasts: False if asking again may give another text.
        table: the value in rows and columns, if it has such.
    """

    text: str
    translated: bool
    lasts: bool = True
    table: ValueTable | None = None


class Question(NamedTuple):
    """A value to be translated."""

    variable_id: bytes
    value: Value
    language: str | None

    @property
    def key(self) -> tuple[bytes, int]:
        """Identifies the value; no other value ever has the same key."""
        return self.variable_id, self.value.index


class _LateQuestion(NamedTuple):
    """A question that a babelfish has taken, and may still answer.

    Attributes:
        started_at: of the babelfish.
        question: the question.
    """

    started_at: float
    question: Question


class Babelfishes:
    """The babelfishes of all languages."""

    def __init__(
        self,
        hub: Hub,
        clock: IReactorTime,
        process: BabelfishProcess | None,
        on_late_text: Callable[[Question, Text], None],
    ) -> None:
        """Prepare to ask.

        Args:
            hub: of the server.
            clock: for timeouts.
            process: the server's own babelfish for Python; None if it has none.
            on_late_text: called with a text that comes after its timeout.
        """
        self._hub = hub
        self._clock = clock
        self._process = process
        if process is not None:
            process.on_end = self._process_ended
        self._on_late_text = on_late_text
        self._client = LocalClient(hub)
        self._late: dict[bytes, _LateQuestion] = {}  # by workspace

    def close(self) -> None:
        """Kill the server's own babelfish."""
        if self._process is not None:
            self._process.kill()

    def started_at(self, language: str | None) -> float:
        """Return when a user's babelfish for a language was started; 0 if there is none."""
        view = (
            None if language is None else self._hub.space.views.workspace(_workspace_of(language))
        )
        return 0.0 if view is None else view.created

    async def translate(self, question: Question) -> Text:
        """Ask for one value, twice if the babelfish ends, which another value may have caused.

        Only one question at a time may be asked for each language.
        """
        for _ in range(2):
            workspace = await self._workspace_for(question)
            if isinstance(workspace, Text):
                return workspace
            try:
                return await self._ask(question.value, workspace)
            except DeferredTimeout:
                return await self._give_up(question, workspace)
            except OperationFailed as error:
                if error.status == Status.REFUSED:
                    return Text(f"the babelfish cannot be asked: {error}", False, lasts=False)
                # If it has not ended, its next text would be taken for that of another question.
                await self._end_process(workspace)
        lasts = workspace == own.WORKSPACE
        return Text("the babelfish ended when it read this value", False, lasts)

    async def _workspace_for(self, question: Question) -> bytes | Text:
        """Return the workspace of a babelfish for a value; or a text, if there is none."""
        language = question.language or ""
        workspace = _workspace_of(language)
        view = self._hub.space.views.workspace(workspace)
        if view is None:
            if language != "Python" or self._process is None:
                return Text(f"no {language} babelfish is running", False)
            return await self._start_process(self._process)
        late = self._late.pop(workspace, None)
        if late is not None and late.started_at == view.created:
            try:
                text = await self._answer(
                    (await self._client.fetch(workspace, _DOOF)).value, workspace
                )
            except OperationFailed:
                self._late[workspace] = late
                return Text("the babelfish is busy with another value", False, lasts=False)
            if late.question.key == question.key:
                return text
            self._on_late_text(late.question, text)
        return workspace

    async def _start_process(self, process: BabelfishProcess) -> bytes | Text:
        if not process.runs:
            await self._client.make(own.WORKSPACE)
            process.start()
        if not await process.ready():
            await process.end()
            return Text(f"the babelfish cannot be started: {process.problem}", False, lasts=False)
        return own.WORKSPACE

    async def _end_process(self, workspace: bytes) -> None:
        if workspace == own.WORKSPACE and self._process is not None:
            await self._process.end()

    def _process_ended(self) -> None:
        """Delete its workspace, even if it never owned it, so that the pending question fails."""
        deleting = self._client.delete_workspace(own.WORKSPACE)
        deleting.addErrback(lambda failure: failure.trap(OperationFailed))

    async def _ask(self, value: Value, workspace: bytes) -> Text:
        """Store a value for a babelfish, and wait for its text."""
        food = Value(value.descriptor, value.payload, value.metadata)
        process = self._process if workspace == own.WORKSPACE else None
        stale = self._hub.space.views.variable(workspace, _DOOF)
        if stale is not None and stale.values:  # stored by others
            await self._client.delete_variable(workspace, _DOOF)
        await self._take_table(workspace)
        await self._client.store(workspace, _FOOD, food)
        answer = self._client.await_value(workspace, _DOOF)
        is_first = process is not None and not process.has_answered
        timeout = _FIRST_VALUE_TIMEOUT_SECONDS if is_first else _VALUE_TIMEOUT_SECONDS
        answer.addTimeout(timeout, self._clock)
        text = (await answer).value
        if process is not None:
            process.has_answered = True
        return await self._answer(text, workspace)

    async def _answer(self, text: Value, workspace: bytes) -> Text:
        """Join the text for a value with its table, which is there before the text."""
        return _text_of(text)._replace(table=await self._take_table(workspace))

    async def _take_table(self, workspace: bytes) -> ValueTable | None:
        view = self._hub.space.views.variable(workspace, _TABLE)
        if view is None or not view.values:
            return None
        table = (await self._client.fetch(workspace, _TABLE)).value
        return read_table(table.payload if isinstance(table.payload, bytes) else b"")

    async def _give_up(self, question: Question, workspace: bytes) -> Text:
        """Return the text for a value that takes too long, and withdraw it or kill its reader."""
        if workspace == own.WORKSPACE:
            await self._end_process(workspace)
            return Text("reading this value takes too long", False)
        try:
            await self._client.fetch(workspace, _FOOD)
        except OperationFailed:  # the babelfish has it, and may answer later
            self._late[workspace] = _LateQuestion(self.started_at(question.language), question)
        return Text("the babelfish does not answer", False, lasts=False)


def _workspace_of(language: str) -> bytes:
    """Return the workspace of a user's babelfish for a language."""
    return f"{language} babelfish".encode()


def _text_of(answer: Value) -> Text:
    payload = answer.payload if isinstance(answer.payload, bytes) else b"(a very long text)"
    return Text(payload[:_MAX_TEXT_BYTES].decode("utf-8", "replace"), True)
