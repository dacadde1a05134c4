"""`nws.telemetry`: what workers do is linked to the caller's span."""

from __future__ import annotations

import importlib
import pickle
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, StatusCode

from nws.futures import SleighExecutor
from nws.sleigh import Sleigh, SleighTaskException
from nws.telemetry import traced
from tests.sleigh.functions import echo

KEPT = InMemorySpanExporter()
tracer = TracerProvider().get_tracer("tests")


def record() -> None:
    """Let a worker keep its spans."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(KEPT))
    trace.set_tracer_provider(provider)


def recorded() -> list[tuple[str, int, int, bool]]:
    """Take the spans that a worker has kept: name, trace, parent, and whether it failed."""
    spans = KEPT.get_finished_spans()
    KEPT.clear()
    return [
        (
            each.name,
            each.context.trace_id,
            each.parent.span_id if each.parent else 0,
            each.status.status_code is StatusCode.ERROR,
        )
        for each in spans
    ]


def rank_or_fail(number: int) -> tuple[int, int]:
    return 1 // number, SleighRank  # type: ignore[name-defined]


def seen() -> tuple[SpanContext, object]:
    """Return what a function sees: the current span, and an item of the baggage."""
    return trace.get_current_span().get_span_context(), baggage.get_baggage("user")


@pytest.fixture(scope="module")
def sleigh(on_server: dict[str, Any]) -> Iterator[Sleigh]:
    with Sleigh(**on_server, workerCount=1, initializer=record) as sleigh:
        yield sleigh


@pytest.fixture(autouse=True)
def nothing_else(sleigh: Sleigh) -> None:
    sleigh.eachWorker(recorded)


def spans_of(sleigh: Sleigh) -> list[tuple[str, int, int, bool]]:
    (spans,) = sleigh.eachWorker(recorded)
    return spans  # type: ignore[no-any-return]


def test_each_element_is_a_span_below_the_caller(sleigh: Sleigh) -> None:
    with tracer.start_as_current_span("caller") as span:
        function = traced(rank_or_fail)
    good, bad = sleigh.map(function, [1, 0], errors="return")
    assert good == (1, 0)
    assert isinstance(bad.__cause__, ZeroDivisionError)
    here = span.get_span_context()
    common = ("rank_or_fail", here.trace_id, here.span_id)
    assert spans_of(sleigh) == [(*common, False), (*common, True)]


def test_calls_with_different_callers(sleigh: Sleigh) -> None:
    contexts = []
    with SleighExecutor(sleigh) as executor:
        for _ in range(3):
            with tracer.start_as_current_span("caller") as span:
                executor.submit(traced(echo), 1).result()
            contexts.append(span.get_span_context())
        executor.submit(traced(lambda: 5)).result()
    *named, (name, trace_id, parent, _) = spans_of(sleigh)
    assert named == [("echo", each.trace_id, each.span_id, False) for each in contexts]
    assert name.endswith("<lambda>")
    assert parent == 0
    assert trace_id not in [each.trace_id for each in contexts]


def test_calls_that_are_not_traced(sleigh: Sleigh) -> None:
    with tracer.start_as_current_span("caller"):
        assert sleigh.map(abs, [1, -2]) == [1, 2]
    assert spans_of(sleigh) == []


def test_a_name_that_the_worker_lacks(sleigh: Sleigh) -> None:
    with pytest.raises(SleighTaskException, match="'nonsense'") as caught:
        sleigh.map(traced(eval), ["nonsense"])
    assert isinstance(caught.value.__cause__, NameError)
    ((name, _, _, failed),) = spans_of(sleigh)
    assert (name, failed) == ("eval", True)


def test_in_this_process() -> None:
    with tracer.start_as_current_span("caller") as span:
        token = context.attach(baggage.set_baggage("user", "ann"))
        function = pickle.loads(pickle.dumps(traced(seen)))
        context.detach(token)
    found, user = function()
    assert (found.span_id, found.trace_id) == (span.context.span_id, span.context.trace_id)  # type: ignore[attr-defined]
    assert user == "ann"
    assert not trace.get_current_span().get_span_context().is_valid


def test_what_cannot_be_called() -> None:
    with pytest.raises(TypeError, match="callable"):
        traced("1 + 1")  # type: ignore[arg-type]


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.delitem(sys.modules, "nws.telemetry", raising=False)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'networkspaces\[telemetry\]'"):
        importlib.import_module("nws.telemetry")
