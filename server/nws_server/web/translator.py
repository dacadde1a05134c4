"""Texts for values that only their language can read, by way of babelfishes.

A babelfish is a client like any other: it fetches ``food`` from a workspace named after its
language and stores a text into ``doof``; answers come in the order of questions. So each language
is asked for one value at a time. What was said is kept, so that a page that is shown again asks
nobody.

Python values go to a fish that the user has started, if there is one, since it can know the user's
classes; else to the server's own (`fish`). Only that one can be ended when a value hangs it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as TooLate
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from nws_server.core.values import Value
from nws_server.hub import Hub
from nws_server.web import fish as own
from nws_server.web.fish import Fish
from nws_server.web.local import Failed, Local

__all__ = ["PAGE", "Question", "Text", "Translator"]

PAGE: Final = 0.9
"""Seconds that a page waits for texts."""

_VALUE: Final = 0.5
"""Seconds that a fish has for a value."""

_START: Final = 10.0
"""Seconds that the server's own has for its first one."""

_LARGEST: Final = 32 * 1024 * 1024
"""Bytes. Longer values are not translated."""

_LONGEST: Final = 100_000
"""Bytes of a text that are kept."""

_PASSING: Final = 2.0
"""Seconds for which a text stands that may be another one soon."""

_KEPT: Final = 500
_LINE: Final = 1000
"""Values that may wait for one language; those that have waited longest give way."""

_FOOD: Final = b"food"
_DOOF: Final = b"doof"

_log = Logger()


class Text(NamedTuple):
    """What is to be shown for a value."""

    text: str
    translated: bool
    """False if the text says why there is none."""
    passing: bool = False
    """It may be another one soon."""


class Question(NamedTuple):
    """A value to be translated."""

    variable_id: bytes
    value: Value
    language: str | None

    @property
    def key(self) -> tuple[bytes, int]:
        """Names the value for ever."""
        return self.variable_id, self.value.index


_NOT_YET: Final = Text("not translated yet", False)


class Translator:
    """Asks babelfishes, and remembers."""

    def __init__(self, hub: Hub, clock: IReactorTime, fish: Fish | None) -> None:
        """Take the server's own fish for Python; None if it has none."""
        self._hub = hub
        self._clock = clock
        self._fish = fish
        if fish is not None:
            fish.on_end = self._fish_ended
        self._local = Local(hub)
        self._known: OrderedDict[tuple[bytes, int], Text] = OrderedDict()
        self._lines: dict[str, _Line] = {}
        self._pages: set[_Page] = set()
        self._owed: dict[bytes, tuple[float, int]] = {}

    def close(self) -> None:
        """Let all pages go on, and end the fish."""
        for page in list(self._pages):
            page.stop()
        for line in self._lines.values():
            line.waiting.clear()
            if line.at_work is not None:
                line.at_work.cancel()
        if self._fish is not None:
            self._fish.kill()

    async def texts(self, questions: Sequence[Question]) -> list[Text]:
        """Return a text for each value, in `PAGE` seconds at most."""
        for question in questions:
            self._ask(question)
        missing = {question.key for question in questions} - self._known.keys()
        if missing:
            page = _Page(missing, self._clock, self._pages)
            await page.whole
        return [self._known.get(question.key, _NOT_YET) for question in questions]

    def _ask(self, question: Question) -> None:
        key, language = question.key, question.language
        if key in self._known:
            self._known.move_to_end(key)
        elif language is None:
            self._know(key, Text("written in a language that nobody here knows", False))
        elif question.value.size > _LARGEST:
            self._know(
                key, Text(f"too long to be translated: {question.value.size:,} bytes", False)
            )
        else:
            line = self._lines.setdefault(language, _Line())
            line.waiting.setdefault(key, question)
            if len(line.waiting) > _LINE:
                line.waiting.popitem(last=False)
            if line.at_work is None:
                line.at_work = Deferred.fromCoroutine(self._work(line))
                line.at_work.addErrback(self._failed, line).addCallback(self._rest, line)

    def _know(self, key: tuple[bytes, int], text: Text) -> None:
        self._known[key] = text
        if text.passing:
            self._clock.callLater(_PASSING, self._known.pop, key, None)
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
        for page in list(self._pages):
            page.has(key)

    async def _work(self, line: _Line) -> None:
        """Ask for one value after the other."""
        while line.waiting:
            key, question = next(iter(line.waiting.items()))
            text = await self._translate(question)
            line.waiting.pop(key, None)
            self._know(key, text)

    def _rest(self, _: None, line: _Line) -> None:
        line.at_work = None

    def _failed(self, failure: Any, line: _Line) -> None:
        if failure.check(CancelledError) is None:  # as when the server ends
            _log.failure("values cannot be translated", failure)
        line.waiting.clear()

    async def _translate(self, question: Question) -> Text:
        """Ask for one value; once more if the fish has ended, which may not be its fault."""
        for _ in range(2):
            workspace = await self._workspace_for(question.language or "")
            if isinstance(workspace, Text):
                return workspace
            try:
                return await self._put(question.value, workspace)
            except TooLate:
                return await self._give_up(workspace)
            except Failed:
                continue
        return Text("the babelfish ended when it read this value", False)

    async def _workspace_for(self, language: str) -> bytes | Text:
        """Return the workspace of a fish for a language, or say why there is none."""
        workspace = f"{language} babelfish".encode()
        view = self._hub.space.look.workspace(workspace)
        if view is None:
            if language != "Python" or self._fish is None:
                return Text(f"no {language} babelfish is running", False, passing=True)
            return await self._own_fish(self._fish)
        created, owed = self._owed.pop(workspace, (0.0, 0))
        if created == view.created and owed:
            try:
                await self._local.fetch(workspace, _DOOF)  # too late to be of use
            except Failed:
                self._owed[workspace] = created, owed
                return Text("the babelfish is busy with another value", False, passing=True)
            self._owed[workspace] = created, owed - 1
        return workspace

    async def _own_fish(self, fish: Fish) -> bytes | Text:
        if not fish.runs:
            if not fish.start():
                problem = f"the babelfish cannot be started: {fish.problem}"
                return Text(problem, False, passing=True)
            await self._local.make(own.WORKSPACE)
        return own.WORKSPACE

    def _fish_ended(self) -> None:
        """Let the question fail that it had, even if it never owned its workspace."""
        self._local.delete_workspace(own.WORKSPACE).addErrback(lambda failure: failure.trap(Failed))

    async def _put(self, value: Value, workspace: bytes) -> Text:
        """Put a value to a fish, and wait for what it says."""
        food = Value(value.descriptor, value.payload, value.metadata)
        starts = (
            workspace == own.WORKSPACE and self._fish is not None and not self._fish.has_answered
        )
        await self._local.store(workspace, _FOOD, food)
        answer = self._local.await_value(workspace, _DOOF)
        answer.addTimeout(_START if starts else _VALUE, self._clock)
        said = await answer
        if workspace == own.WORKSPACE and self._fish is not None:
            self._fish.answered()
        payload = said.payload if isinstance(said.payload, bytes) else b"(a very long text)"
        return Text(payload[:_LONGEST].decode("utf-8", "replace"), True)

    async def _give_up(self, workspace: bytes) -> Text:
        """A value has taken too long."""
        if workspace == own.WORKSPACE and self._fish is not None:
            self._fish.kill()
            return Text("it takes too long to read this value", False)
        try:
            await self._local.fetch(workspace, _FOOD)
        except Failed:  # the fish has it, and may answer later
            view = self._hub.space.look.workspace(workspace)
            if view is not None:
                created, owed = self._owed.get(workspace, (view.created, 0))
                self._owed[workspace] = created, owed + 1
        return Text("the babelfish does not answer", False, passing=True)


class _Line:
    """The values that wait for one language.

    Attributes:
        waiting: questions, by key; the first one is being asked.
        at_work: who asks, or None.
    """

    def __init__(self) -> None:
        self.waiting: OrderedDict[tuple[bytes, int], Question] = OrderedDict()
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
        self._timer: IDelayedCall = clock.callLater(PAGE, self.stop)
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
