"""A job description that is kept, so that only the arguments have to be given."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from nws.pp.arguments import check_callback
from nws.pp.job import Job
from nws.pp.known_names import prepared
from nws.pp.server import Server

__all__ = ["Template"]


class Template:
    """A job without its arguments."""

    def __init__(
        self,
        job_server: Server,
        func: Callable[..., Any],
        depfuncs: tuple[Any, ...] = (),
        modules: tuple[str, ...] = (),
        callback: Callable[..., object] | None = None,
        callbackargs: tuple[Any, ...] = (),
        group: str = "default",
        globals: dict[str, Any] | None = None,
    ) -> None:
        """Prepare jobs.

        Args:
            job_server: which runs the jobs.
            func, depfuncs, modules, callback, callbackargs, group, globals: see `Server.submit`.
                What ``globals`` holds is looked up now, not for each job.

        Raises:
            TypeError, ValueError: see `Server.submit`.
        """
        if not isinstance(job_server, Server):
            raise TypeError(f"job_server must be a Server, not {type(job_server).__name__}")
        check_callback(callback, callbackargs)
        self._submit = partial(
            job_server.submit,
            prepared(func, depfuncs, modules, globals),
            callback=callback,
            callbackargs=callbackargs,
            group=group,
        )

    def submit(self, *args: Any) -> Job:
        """Submit a job with these arguments; see `Server.submit`."""
        return self._submit(args)
