"""Texts for values that only their language can read, by way of babelfishes.

A babelfish is a client like any other: it fetches ``food`` from a workspace named after its
language and stores a text into ``doof``; answers come in the order of questions. So each language
is asked for one value at a time. What was said is kept, so that a page that is shown again asks
nobody.

Python values go to a fish that the user has started, if there is one, since it can know the user's
classes; else to the server's own (`fish`). Only that one can be ended when a value hangs it.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from nws.errors import Status
from nws_server.core.values import Value
from nws_server.hub import Hub
from nws_server.web import babelfish_process as own
from nws_server.web.babelfish_process import BabelfishProcess
from nws_server.web.local_client import LocalClient, OperationFailed

__all__ = ["PAGE_TIMEOUT_SECONDS", "Question", "Text", "TextCache"]

PAGE_TIMEOUT_SECONDS: Final = 0.9
"""Seconds that a page waits for texts."""

_VALUE_TIMEOUT_SECONDS: Final = 0.5
"""Seconds that a fish has for a value."""

_FIRST_VALUE_TIMEOUT_SECONDS: Final = 3.0
"""Seconds that the server's own has for its first one: it may have to import much."""

_RETRY_SECONDS: Final = 2.0
"""Seconds after which a value is asked for again, if what was said may change."""

_MAX_VALUE_BYTES: Final = 32 * 1024 * 1024
"""Bytes. Longer values are not translated."""

_MAX_TEXT_BYTES: Final = 100_000
"""Bytes of a text that are kept."""

_MAX_TEXTS: Final = 500
_MAX_QUEUED_VALUES: Final = 1000
"""Values that may wait for one language; those that have waited longest give way."""

_FOOD: Final = b"food"
_DOOF: Final = b"doof"

_log = Logger()


class Text(NamedTuple):
    """What is to be shown for a value."""

    text: str
    translated: bool
    """False if the text says why there is none."""
    lasts: bool = True
    """False if it is worth asking again."""


class Question(NamedTuple):
    """A value to be translated."""

    variable_id: bytes
    value: Value
    language: str | None

    @property
    def key(self) -> tuple[bytes, int]:
        """Names the value for ever."""
        return self.variable_id, self.value.index


class _Known(NamedTuple):
    """A text, until a time, and as long as the fish is the same or there still is none."""

    text: Text
    until: float
    born: float


class _Owed(NamedTuple):
    """An answer that a fish still has to give."""

    born: float
    question: Question


_NOT_YET: Final = Text("not translated yet", False)
_ENDING: Final = Text("not translated any more: the server ends", False)


class TextCache:
    """Asks babelfishes, and remembers."""

    def __init__(self, hub: Hub, clock: IReactorTime, fish: BabelfishProcess | None) -> None:
        """Take the server's own fish for Python; None if it has none."""
        self._hub = hub
        self._clock = clock
        self._fish = fish
        if fish is not None:
            fish.on_end = self._fish_ended
        self._local = LocalClient(hub)
        self._known: OrderedDict[tuple[bytes, int], _Known] = OrderedDict()
        self._lines: dict[str, _Line] = {}
        self._pages: set[_Page] = set()
        self._owed: dict[bytes, _Owed] = {}
        self._closed = False

    def close(self) -> None:
        """Let all pages go on, and end the fish."""
        self._closed = True
        for page in list(self._pages):
            page.stop()
        for line in self._lines.values():
            line.waiting.clear()
            if line.at_work is not None:
                line.at_work.cancel()
        if self._fish is not None:
            self._fish.kill()

    async def texts(self, questions: Sequence[Question]) -> list[Text]:
        """Return a text for each value, in `PAGE_TIMEOUT_SECONDS` seconds at most."""
        for question in questions:
            self._ask(question)
        missing = {question.key for question in questions if not self._knows(question)}
        if missing and not self._closed:
            page = _Page(missing, self._clock, self._pages)
            await page.whole
        found = [self._known.get(question.key) for question in questions]
        return [_NOT_YET if known is None else known.text for known in found]

    def _ask(self, question: Question) -> None:
        key, language = question.key, question.language
        if self._knows(question):
            self._known.move_to_end(key)
        elif self._closed:
            self._know(question, _ENDING)
        elif language is None:
            self._know(question, Text("written in a language that nobody here knows", False))
        elif question.value.size > _MAX_VALUE_BYTES:
            text = f"too long to be translated: {question.value.size:,} bytes"
            self._know(question, Text(text, False))
        else:
            line = self._lines.setdefault(language, _Line())
            line.waiting.setdefault(key, question)
            if len(line.waiting) > _MAX_QUEUED_VALUES:
                line.waiting.popitem(last=False)
            if not line.busy:
                line.busy = True
                line.at_work = Deferred.fromCoroutine(self._work(line))
                line.at_work.addErrback(self._failed, line)

    def _knows(self, question: Question) -> bool:
        known = self._known.get(question.key)
        return (
            known is not None
            and self._clock.seconds() < known.until
            and known.born == self._born(question.language)
        )

    def _know(self, question: Question, text: Text) -> None:
        until = math.inf if text.lasts else self._clock.seconds() + _RETRY_SECONDS
        self._known[question.key] = _Known(text, until, self._born(question.language))
        self._known.move_to_end(question.key)
        if len(self._known) > _MAX_TEXTS:
            self._known.popitem(last=False)
        for page in list(self._pages):
            page.has(question.key)

    def _born(self, language: str | None) -> float:
        """Return when the fish came that users have started for a language; 0 if there is none."""
        view = None if language is None else self._hub.space.look.workspace(_workspace_of(language))
        return 0.0 if view is None else view.created

    async def _work(self, line: _Line) -> None:
        """Ask for one value after the other."""
        while line.waiting:
            key, question = next(iter(line.waiting.items()))
            text = await self._translate(question)
            line.waiting.pop(key, None)
            self._know(question, text)
        line.busy = False

    def _failed(self, failure: Any, line: _Line) -> None:
        if failure.check(CancelledError) is None:  # as when the server ends
            _log.failure("values cannot be translated", failure)
        line.waiting.clear()
        line.busy = False

    async def _translate(self, question: Question) -> Text:
        """Ask for one value; once more if the fish has ended, which may not be its fault."""
        for _ in range(2):
            workspace = await self._workspace_for(question)
            if isinstance(workspace, Text):
                return workspace
            try:
                return await self._put(question.value, workspace)
            except DeferredTimeout:
                return await self._give_up(question, workspace)
            except OperationFailed as error:
                if error.status == Status.REFUSED:
                    return Text(f"the babelfish cannot be asked: {error}", False, lasts=False)
                # If it has not ended, its next answer would be taken for that to another question.
                await self._end_fish(workspace)
        lasts = workspace == own.WORKSPACE
        return Text("the babelfish ended when it read this value", False, lasts)

    async def _workspace_for(self, question: Question) -> bytes | Text:
        """Return the workspace of a fish for a value; or a text, if there is one without."""
        language = question.language or ""
        workspace = _workspace_of(language)
        view = self._hub.space.look.workspace(workspace)
        if view is None:
            if language != "Python" or self._fish is None:
                return Text(f"no {language} babelfish is running", False)
            return await self._own_fish(self._fish)
        owed = self._owed.pop(workspace, None)
        if owed is not None and owed.born == view.created:
            try:
                late = _text_of((await self._local.fetch(workspace, _DOOF)).value)
            except OperationFailed:
                self._owed[workspace] = owed
                return Text("the babelfish is busy with another value", False, lasts=False)
            if owed.question.key == question.key:
                return late
            self._know(owed.question, late)
        return workspace

    async def _own_fish(self, fish: BabelfishProcess) -> bytes | Text:
        if not fish.runs:
            await self._local.make(own.WORKSPACE)
            fish.start()
        if not await fish.ready():
            await fish.end()
            return Text(f"the babelfish cannot be started: {fish.problem}", False, lasts=False)
        return own.WORKSPACE

    async def _end_fish(self, workspace: bytes) -> None:
        if workspace == own.WORKSPACE and self._fish is not None:
            await self._fish.end()

    def _fish_ended(self) -> None:
        """Let the question fail that it had, even if it never owned its workspace."""
        self._local.delete_workspace(own.WORKSPACE).addErrback(
            lambda failure: failure.trap(OperationFailed)
        )

    async def _put(self, value: Value, workspace: bytes) -> Text:
        """Put a value to a fish, and wait for what it says."""
        food = Value(value.descriptor, value.payload, value.metadata)
        fish = self._fish if workspace == own.WORKSPACE else None
        stale = self._hub.space.look.variable(workspace, _DOOF)
        if stale is not None and stale.values:  # to no question of ours
            await self._local.delete_variable(workspace, _DOOF)
        await self._local.store(workspace, _FOOD, food)
        answer = self._local.await_value(workspace, _DOOF)
        answer.addTimeout(
            _FIRST_VALUE_TIMEOUT_SECONDS
            if fish and not fish.has_answered
            else _VALUE_TIMEOUT_SECONDS,
            self._clock,
        )
        said = (await answer).value
        if fish is not None:
            fish.has_answered = True
        return _text_of(said)

    async def _give_up(self, question: Question, workspace: bytes) -> Text:
        """A value has taken too long."""
        if workspace == own.WORKSPACE:
            await self._end_fish(workspace)
            return Text("it takes too long to read this value", False)
        try:
            await self._local.fetch(workspace, _FOOD)
        except OperationFailed:  # the fish has it, and may answer later
            self._owed[workspace] = _Owed(self._born(question.language), question)
        return Text("the babelfish does not answer", False, lasts=False)


def _workspace_of(language: str) -> bytes:
    """Return where a fish for a language lives that users have started."""
    return f"{language} babelfish".encode()


def _text_of(said: Value) -> Text:
    payload = said.payload if isinstance(said.payload, bytes) else b"(a very long text)"
    return Text(payload[:_MAX_TEXT_BYTES].decode("utf-8", "replace"), True)


class _Line:
    """The values that wait for one language.

    Attributes:
        waiting: questions, by key; the first one is being asked.
        busy: whether somebody asks.
        at_work: who does, or did.
    """

    def __init__(self) -> None:
        self.waiting: OrderedDict[tuple[bytes, int], Question] = OrderedDict()
        self.busy = False
        self.at_work: Deferred[None] | None = None


class _Page:
    """A page that waits for texts.

    Attributes:
        whole: fires when there are all of them, or the time is over.
    """

    def __init__(
        self, missing: set[tuple[bytes, int]], clock: IReactorTime, pages: set[_Page]
    ) -> None:
        self.whole: Deferred[None] = Deferred()
        self._missing = missing
        self._pages = pages
        self._timer: IDelayedCall = clock.callLater(PAGE_TIMEOUT_SECONDS, self.stop)
        pages.add(self)

    def has(self, key: tuple[bytes, int]) -> None:
        """There is a text now."""
        self._missing.discard(key)
        if not self._missing:
            self.stop()

    def stop(self) -> None:
        """Wait no longer."""
        self._pages.discard(self)
        if self._timer.active():
            self._timer.cancel()
        if not self.whole.called:
            self.whole.callback(None)
