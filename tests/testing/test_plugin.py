"""The pytest plugin, in runs of pytest of its own."""

from __future__ import annotations

from importlib.metadata import distributions

import pytest

TESTS = """
import os
from nws import NetWorkSpace

SEEN = []

def test_a_space(nws_space):
    nws_space.store("x", 1)
    SEEN.append(nws_space)

def test_each_test_has_its_own(nws_space):
    assert nws_space.findTry("x") is None
    assert nws_space is not SEEN[0]

def test_a_server(nws_server):
    with NetWorkSpace("shop", nws_server.host, nws_server.port) as ws:
        assert ws.server.status()["pid"] != os.getpid()

def test_a_sleigh(sleigh):
    assert sleigh.map(abs, [-1, -2]) == [1, 2]
    pids = set(sleigh.map(lambda _: os.getpid(), range(4)))
    assert (pids == {os.getpid()}) == SERIAL
"""


IS_LIGHT = """
import sys

LOADED = set(sys.modules)  # before the other file of tests is

def test_the_plugin_is_light(pytestconfig):
    assert pytestconfig.pluginmanager.has_plugin("nws.testing.plugin")
    loaded = {name.partition(".")[0] for name in LOADED}
    assert not loaded & {"nws_server", "click", "cloudpickle", "psutil"}
    assert "nws.client" not in LOADED
"""


@pytest.mark.slow
@pytest.mark.nightly(but_each=2)
@pytest.mark.parametrize("serial", [False, True])
def test_it_is_light_and_has_fixtures(pytester: pytest.Pytester, serial: bool) -> None:
    pytester.makepyfile(test_1=IS_LIGHT, test_2=f"SERIAL = {serial}\n{TESTS}")
    options = ["--nws-serial"] if serial else []
    done = pytester.runpytest_subprocess("-p", "nws.testing.plugin", "-W", "error", *options)
    done.assert_outcomes(passed=5)


def test_pytest_finds_it() -> None:
    """Under the name of its module, so that `-p` does not load it a second time."""
    entries = [entry for each in distributions() for entry in each.entry_points]
    found = {(entry.name, entry.value) for entry in entries if entry.group == "pytest11"}
    assert ("nws.testing.plugin", "nws.testing.plugin") in found
