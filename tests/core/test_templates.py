"""Templates of temporary names: one number, and nothing that eats memory."""

import pytest

from nws_server.core.templates import MAX_WIDTH, fill, is_template
from tests.support.cases import each


@each(
    "template, name",
    [
        (b"%d", b"7"),
        (b"__pyws__%d", b"__pyws__7"),
        (b"__Rws__%010d", b"__Rws__0000000007"),
        (b"matlab_ws_%010d", b"matlab_ws_0000000007"),
        (b"sleigh_ride_%04d", b"sleigh_ride_0007"),
        (b"a%5db", b"a    7b"),
        (b"%05d", b"00007"),
        (b"%020d", b"%020d" % 7),
        (b"%20d", b"%20d" % 7),
        (b"%0d", b"7"),
        (b"%00d", b"7"),
        (b"100%% %d", b"100% 7"),
        (b"%%%d%%", b"%7%"),
        (b"%%d%d", b"%d7"),
        (b"%dd", b"7d"),
        (b"%d\n", b"7\n"),
        ("é%d".encode(), "é7".encode()),
    ],
)
def test_good_templates(template: bytes, name: bytes) -> None:
    assert is_template(template)
    assert fill(template, 7) == name


@each(
    "template",
    [
        b"",
        b"plain",
        b"%",
        b"%%",
        b"%%d",
        b"%%%%d",
        b"d",
        b"%d%d",
        b"%d %5d",
        b"%d%",
        b"%%%",
        b"%s",
        b"%d%s",
        b"%s%d",
        b"%i",
        b"%x",
        b"%c",
        b"%(d)d",
        b"%*d",
        b"%-5d",
        b"%+d",
        b"% d",
        b"%#d",
        b"%.5d",
        b"%5.2d",
        b"%ld",
        b"%21d",
        b"%021d",
        b"%99d",
        b"%100d",
        b"%0100d",
        b"%999999999d",
        "%٣d".encode(),
    ],
)
def test_bad_templates(template: bytes) -> None:
    assert not is_template(template)


def test_width_is_bounded() -> None:
    good = [width for width in range(1000) if is_template(b"%%%dd" % width)]
    assert good == list(range(MAX_WIDTH + 1))


def test_large_numbers_are_not_cut() -> None:
    assert fill(b"%04d", 123456) == b"123456"


@pytest.mark.parametrize("text", [b"%" * 60_001, b"%%" * 30_000 + b"%s", b"%d" * 30_000])
def test_long_bad_templates_are_refused_quickly(text: bytes) -> None:
    # A pattern that tries one reading after another would never come back here.
    assert not is_template(text)
