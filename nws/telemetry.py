"""Spans of OpenTelemetry that lead from a program to what its workers do.

::

    from nws.telemetry import traced

    with tracer.start_as_current_span("fit all"):
        sleigh.map(traced(fit), tables)  # each fit(table) is a span below "fit all"
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

try:
    from opentelemetry import context, propagate, trace
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"nws.telemetry needs what is not installed here ({error}): "
        "`pip install 'networkspaces[telemetry]'`",
        name=error.name,
    ) from error

from nws.version import __version__

__all__ = ["traced"]

R = TypeVar("R")


def traced(function: Callable[..., R]) -> Callable[..., R]:
    """Make each call of a function a span, wherever it is called.

    What is returned can be given to everything that calls functions on workers: a sleigh, an
    executor, joblib. Workers need a tracer provider, which the initializer of the sleigh can set.
    Where there is none nothing is recorded, but requests that the function makes to others still
    carry the caller's trace.

    Args:
        function: anything that can be called.

    Returns:
        A function with the same arguments and results. Each call is a span of the kind ``CONSUMER``
        with the name of the function. Its parent is the span that is current where `traced` is
        called, and the baggage is that of there. An exception is recorded in the span, and raised.
        What travels is what the propagators of OpenTelemetry write: by default ``traceparent``,
        ``tracestate`` and ``baggage`` of the W3C.

    Raises:
        TypeError: it cannot be called.
    """
    bound: _Traced[R] = _Traced(function)
    propagate.inject(bound.carrier)
    return bound


class _Traced(functools.partial[R]):
    """A partial, since these travel to workers and are looked through for names."""

    carrier: dict[str, str]

    def __init__(self, *_: Any) -> None:
        self.carrier = {}

    def __call__(self, /, *args: Any, **kwargs: Any) -> R:
        name = getattr(self.func, "__qualname__", type(self.func).__qualname__)
        tracer = trace.get_tracer("nws", __version__)
        token = context.attach(propagate.extract(self.carrier))
        try:
            with tracer.start_as_current_span(name, kind=trace.SpanKind.CONSUMER):
                return super().__call__(*args, **kwargs)
        finally:
            context.detach(token)
