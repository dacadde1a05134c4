"""Numbers, times and addresses as people see them."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nws_server.web.names import DisplayName
from nws_server.web.rendering import _templates, age, count, duration, link, moment, size
from tests.support.cases import each


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, "-"),
        (0, "0 Bytes"),
        (1, "1 Byte"),
        (999, "999 Bytes"),
        (1000, "1.0 kB"),
        (1234, "1.2 kB"),
        (99_400, "99.4 kB"),
        (10**6, "1.0 MB"),
        (10**9, "1.0 GB"),
        (10**12, "1.0 TB"),
        (10**15, "1.0 PB"),
    ],
)
def test_sizes(number: float | None, text: str) -> None:
    assert size(number) == text


@given(st.integers(0, 10**18))
def test_any_size_is_short(number: int) -> None:
    assert len(size(number)) <= 9


@each(
    "seconds, text",
    [
        (None, "-"),
        (-1, "0 milliseconds"),
        (0, "0 milliseconds"),
        (0.05, "50 milliseconds"),
        (0.1, "0.1 seconds"),
        (1, "1 second"),
        (9.5, "9.5 seconds"),
        (9.96, "10 seconds"),
        (59.6, "59 seconds"),
        (61, "1 minute and 1 second"),
        (3599.7, "59 minutes and 59 seconds"),
        (3600, "1 hour"),
        (3660, "1 hour and 1 minute"),
        (86400, "1 day"),
        (90060, "1 day, 1 hour and 1 minute"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@given(st.floats(0, 1e18))
def test_any_duration_has_a_text(seconds: float) -> None:
    assert duration(seconds)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "now"),
        (0.9, "now"),
        (1, "a second ago"),
        (59, "59 seconds ago"),
        (60, "a minute ago"),
        (120, "2 minutes ago"),
        (7200, "2 hours ago"),
        (172_800, "2 days ago"),
        (86400 * 45, "45 days ago"),
        (-0.2, "in a second"),
        (-30, "in 30 seconds"),
    ],
)
def test_ages(seconds: float, text: str) -> None:
    assert age(seconds) == text


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
    return _templates().from_string(template).render({**data, "live": live})


def test_a_time_is_shown_as_its_age_and_exactly_as_a_tooltip(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1e9 + 120)
    html = shown("{{ t|ago }}", t=1e9)
    exact = moment(1e9)
    assert html == (
        f'<time datetime="{exact.replace(" ", "T")}" title="{exact}">2 minutes ago</time>'
    )


def test_times_in_what_is_sent_later_hold_no_words_that_change() -> None:
    assert shown("{{ t|ago }}", t=1e9, live=True).endswith("></time>")


def test_a_name_that_is_missing_in_a_template_is_an_error() -> None:
    with pytest.raises(Exception, match="undefined"):
        shown("{{ nothing }}")


def test_everything_is_escaped() -> None:
    assert shown("{{ x }}", x="<b a='\"'>&") == "&lt;b a=&#39;&#34;&#39;&gt;&amp;"
