"""A cache for the texts of values, filled by asking babelfishes.

For each language there is a queue of values, which are translated one after the other. A page waits
for a bounded time, and shows what there is by then; the next time it finds more in the cache.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from cachetools import LRUCache
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from nws_server.hub import Hub
from nws_server.web.babelfish_process import BabelfishProcess
from nws_server.web.babelfishes import Babelfishes, Question, Text

__all__ = ["PAGE_TIMEOUT_SECONDS", "TextCache"]

PAGE_TIMEOUT_SECONDS: Final = 0.9
"""How long a page waits for texts."""

_RETRY_SECONDS: Final = 2.0
"""For how long a text is cached that may change."""

_MAX_VALUE_BYTES: Final = 32 * 1024 * 1024
"""Longer values are not translated."""

_MAX_TEXTS: Final = 500
_MAX_QUEUED_VALUES: Final = 1000
"""Of one language; beyond it the oldest are dropped."""

_log = Logger()


class _Entry(NamedTuple):
    """A cached text.

    Attributes:
        text: the text.
        until: when it expires.
        babelfish: start of the user's babelfish it depends on, 0 for none; it is invalid once
            another babelfish has been started.
    """

    text: Text
    until: float
    babelfish: float


_NOT_YET: Final = Text("not translated yet", False)
_STOPPING: Final = Text("not translated: the server is stopping", False)


class TextCache:
    """Returns texts for values, from the cache or from babelfishes."""

    def __init__(self, hub: Hub, clock: IReactorTime, process: BabelfishProcess | None) -> None:
        """Take the server's own babelfish for Python; None if it has none."""
        self._clock = clock
        self._babelfishes = Babelfishes(hub, clock, process, self._cache)
        self._entries: LRUCache[tuple[bytes, int], _Entry] = LRUCache(_MAX_TEXTS)
        self._queues: dict[str, _Queue] = {}
        self._pages: set[_WaitingPage] = set()
        self._closed = False

    def close(self) -> None:
        """Let all pages continue, and kill the server's own babelfish."""
        self._closed = True
        for page in list(self._pages):
            page.stop()
        for queue in self._queues.values():
            queue.questions.clear()
            if queue.running is not None:
                queue.running.cancel()
        self._babelfishes.close()

    async def texts(self, questions: Sequence[Question]) -> list[Text]:
        """Return a text for each value, within `PAGE_TIMEOUT_SECONDS`."""
        for question in questions:
            self._request(question)
        missing = {question.key for question in questions if not self._has(question)}
        if missing and not self._closed:
            page = _WaitingPage(missing, self._clock, self._pages)
            await page.complete
        found = [self._entries.get(question.key) for question in questions]
        return [_NOT_YET if entry is None else entry.text for entry in found]

    def _request(self, question: Question) -> None:
        """Have a value translated, unless its text is cached."""
        language = question.language
        if self._has(question):
            return
        if self._closed:
            self._cache(question, _STOPPING)
        elif language is None:
            self._cache(question, Text("written in a language that is not known here", False))
        elif question.value.size > _MAX_VALUE_BYTES:
            text = f"too long to be translated: {question.value.size:,} bytes"
            self._cache(question, Text(text, False))
        else:
            queue = self._queues.setdefault(language, _Queue())
            queue.questions.setdefault(question.key, question)
            if len(queue.questions) > _MAX_QUEUED_VALUES:
                queue.questions.popitem(last=False)
            if not queue.busy:
                queue.busy = True
                queue.running = Deferred.fromCoroutine(self._translate_all(queue))
                queue.running.addErrback(self._failed, queue)

    def _has(self, question: Question) -> bool:
        entry = self._entries.get(question.key)
        return (
            entry is not None
            and self._clock.seconds() < entry.until
            and entry.babelfish == self._babelfishes.started_at(question.language)
        )

    def _cache(self, question: Question, text: Text) -> None:
        until = math.inf if text.lasts else self._clock.seconds() + _RETRY_SECONDS
        started = self._babelfishes.started_at(question.language)
        self._entries[question.key] = _Entry(text, until, started)
        for page in list(self._pages):
            page.remove(question.key)

    async def _translate_all(self, queue: _Queue) -> None:
        """Translate the values of a queue one after the other."""
        while queue.questions:
            key, question = next(iter(queue.questions.items()))
            text = await self._babelfishes.translate(question)
            queue.questions.pop(key, None)
            self._cache(question, text)
        queue.busy = False

    def _failed(self, failure: Any, queue: _Queue) -> None:
        if failure.check(CancelledError) is None:  # the server is stopping
            _log.failure("values cannot be translated", failure)
        queue.questions.clear()
        queue.busy = False


class _Queue:
    """The values of one language that wait to be translated.

    Attributes:
        questions: by key; the first one is being asked.
        busy: whether the queue is being worked on.
        running: the work.
    """

    def __init__(self) -> None:
        self.questions: OrderedDict[tuple[bytes, int], Question] = OrderedDict()
        self.busy = False
        self.running: Deferred[None] | None = None


class _WaitingPage:
    """A page that waits for texts.

    Attributes:
        complete: fires when no text is missing any more, or at the timeout.
    """

    def __init__(
        self, missing: set[tuple[bytes, int]], clock: IReactorTime, pages: set[_WaitingPage]
    ) -> None:
        self.complete: Deferred[None] = Deferred()
        self._missing = missing
        self._pages = pages
        self._timer: IDelayedCall = clock.callLater(PAGE_TIMEOUT_SECONDS, self.stop)
        pages.add(self)

    def remove(self, key: tuple[bytes, int]) -> None:
        """Note that a text is cached now."""
        self._missing.discard(key)
        if not self._missing:
            self.stop()

    def stop(self) -> None:
        """Wait no longer."""
        self._pages.discard(self)
        if self._timer.active():
            self._timer.cancel()
        if not self.complete.called:
            self.complete.callback(None)
