"""Numbers, times and addresses as people see them."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nws_server.web.names import DisplayName
from nws_server.web.rendering import Renderer, count, duration, link, moment, size


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, "-"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KB"),
        (1234, "1.2 KB"),
        (99_400, "99.4 KB"),
        (99_600, "100 KB"),
        (999_400, "999 KB"),
        (999_900, "1.0 MB"),
        (10**6, "1.0 MB"),
        (10**9, "1.0 GB"),
        (10**12, "1.0 TB"),
        (10**15, "1.0 PB"),
        (10**19, "10000 PB"),
        (999.7, "1.0 KB"),
        (0.4, "0 B"),
    ],
)
def test_sizes(number: float | None, text: str) -> None:
    assert size(number) == text


@given(st.integers(0, 10**18))
def test_any_size_is_short(number: int) -> None:
    value, unit = size(number).split()
    assert 0 <= float(value) < 1000 or unit == "PB"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (-1, "0 ms"),
        (0, "0 ms"),
        (0.0004, "0 ms"),
        (0.099, "99 ms"),
        (0.0999, "0.1 s"),
        (1, "1.0 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (61, "1 min 1 s"),
        (3599.7, "1 h"),
        (3660, "1 h 1 min"),
        (86400, "1 d"),
        (90000, "1 d 1 h"),
        (1e9, "11574 d 1 h"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (1.0, "1"), (0.25, "0.2"), (1234, "1,234"), (123.4, "123"), (12.34, "12.3")],
)
def test_counts(number: float, text: str) -> None:
    assert count(number) == text


def test_moments_are_exact_and_have_a_zone() -> None:
    assert moment(0)[:2] in ("19",)
    assert moment(0)[-6] in "+-"


@pytest.mark.parametrize("epoch", [1e17, -1e17, math.inf, -math.inf, math.nan])
def test_moments_that_cannot_be(epoch: float) -> None:
    assert moment(epoch) == "never"


def test_links() -> None:
    assert link("server") == "/server"
    assert link("x", a=1, b=None, c="a&b=c/d") == "/x?a=1&c=a%26b%3Dc%2Fd"
    assert link("x", name=DisplayName(b"\xff/..;")) == "/x?name=%FF%2F..%3B"


def shown(template: str, *, live: bool = False, **data: object) -> str:
    environment = Renderer()._environment
    return environment.from_string(template).render({**data, "live": live})


def test_times_say_how_long_ago_and_when() -> None:
    html = shown("{{ t|ago }}", t=time.time() - 90)
    assert html.endswith(">1 min 30 s ago</time>")
    assert 'datetime="20' in html
    assert shown("{{ t|ago }}", t=time.time()).endswith(">now</time>")
    assert ">in 1" in shown("{{ t|ago }}", t=time.time() + 10)


def test_times_in_what_is_sent_later_hold_no_words_that_change() -> None:
    assert shown("{{ t|ago }}", t=1e9, live=True).endswith("></time>")


def test_a_name_that_is_missing_in_a_template_is_an_error() -> None:
    with pytest.raises(Exception, match="undefined"):
        shown("{{ nothing }}")


def test_everything_is_escaped() -> None:
    assert shown("{{ x }}", x="<b a='\"'>&") == "&lt;b a=&#39;&#34;&#39;&gt;&amp;"
