"""Values that take too long, and other ends of a translation, in this process."""

from __future__ import annotations

import logging
import pickle
import signal

import pytest

from nws_babelfish.limits import TimeLimitExceeded, within
from nws_babelfish.translation import TOO_LARGE, Translator
from tests.babelfish.opcodes import PROTO, STOP, call, name, text

PICKLED = 16777216
SHORT = 0.05


def endless(source: str) -> bytearray:
    """Return a pickle that runs a program when it is read."""
    return bytearray(PROTO + call(name("builtins", "exec"), text(source)) + STOP)


@pytest.mark.parametrize(
    "source",
    [
        "while True: pass",
        "import sys\nwhile True: sys.stdout.write('')",
        "try:\n while True: pass\nexcept BaseException: pass\nwhile True: pass",
    ],
)
def test_an_endless_value_is_given_up(source: str, caplog: pytest.LogCaptureFixture) -> None:
    translator = Translator(safe=False, seconds=SHORT)
    shown = translator.translate(PICKLED, endless(source)).text
    assert shown == "this value cannot be read: it takes longer than 0.05 seconds"
    assert caplog.messages == ["a value cannot be read: TimeLimitExceeded"]


def test_the_safe_reader_is_given_up_too() -> None:
    # All these keys have the same hash: each is compared with all before it.
    same = ((2**61 - 1) * number for number in range(20_000))
    keys = b"".join(
        pickle.LONG1 + b"\x0a" + key.to_bytes(10, "little") + pickle.NONE for key in same
    )
    data = PROTO + pickle.EMPTY_DICT + pickle.MARK + keys + pickle.SETITEMS + STOP
    shown = Translator(safe=True, seconds=SHORT).translate(PICKLED, bytearray(data)).text
    assert "it takes longer than" in shown


def test_the_time_of_one_value_is_not_that_of_the_next() -> None:
    before = signal.getsignal(signal.SIGALRM)
    assert within(SHORT, lambda: 1) == 1
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    with pytest.raises(ZeroDivisionError):
        within(SHORT, lambda: 1 // 0)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) == before


def test_the_end_of_time_is_no_exception() -> None:
    assert not issubclass(TimeLimitExceeded, Exception)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("raise ValueError('no')", "the pickle cannot be read here: ValueError: no"),
        ("raise TimeoutError('late')", "the pickle cannot be read here: TimeoutError: late"),
        ("raise SystemExit(3)", "the pickle cannot be read here: SystemExit: 3"),
        (
            "raise ValueError('x' * 10**6)",
            f"the pickle cannot be read here: ValueError: {'x' * 956}",
        ),
        ("raise MemoryError", "it needs more memory than the babelfish may use"),
        (
            "class E(BaseException):\n __str__ = None\nraise E",
            "the pickle cannot be read here: E",
        ),
    ],
)
def test_every_failure_is_described(
    source: str, expected: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    shown = Translator(safe=False).translate(PICKLED, endless(source)).text
    assert shown == f"this value cannot be read: {expected}"
    assert len(caplog.messages) == 1


def test_who_stops_the_program_is_not_a_failure() -> None:
    with pytest.raises(KeyboardInterrupt):
        Translator(safe=False).translate(PICKLED, endless("import signal; signal.raise_signal(2)"))


def test_the_unpickler_may_not_say_that_it_had_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    translator = Translator(safe=True, seconds=10)

    def fail(*_: object, **__: object) -> None:
        raise SystemError("error return without exception set")

    monkeypatch.setattr(translator, "_loads", fail)
    assert translator.translate(1 << 24, bytearray(pickle.dumps([1]))).text == TOO_LARGE
