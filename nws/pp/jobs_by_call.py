"""Jobs by the numbers of their calls, as long as somebody has them."""

from __future__ import annotations

from typing import Final
from weakref import ref

from nws.pp.job import Job

__all__ = ["JobsByCall"]

_MIN_KEPT: Final = 1000


class JobsByCall:
    """Weak references without callbacks: those of a WeakValueDictionary take as long as all else
    that makes a job. References to jobs that are gone are dropped now and then instead. Any thread
    may use it."""

    def __init__(self) -> None:
        """Begin with none."""
        self._references: dict[int, ref[Job]] = {}
        self._max_kept = _MIN_KEPT

    def add(self, call: int, job: Job) -> None:
        """Add a job."""
        self._references[call] = ref(job)
        if len(self._references) > self._max_kept:
            self._drop_gone()

    def get(self, call: int) -> Job | None:
        """Return the job of a call; None if nobody has it any more."""
        reference = self._references.get(call)
        return None if reference is None else reference()

    def _drop_gone(self) -> None:
        for call, reference in list(self._references.items()):
            if reference() is None:
                self._references.pop(call, None)
        self._max_kept = max(_MIN_KEPT, 2 * len(self._references))
