"""The names of the user guide's appendix A.2, and their arguments."""

from __future__ import annotations

import inspect
from typing import Final

import pytest

from nws import sleigh
from nws.sleigh import Sleigh, SleighException, SleighPending, SleighResultIterator

OPTIONS: Final = (
    "launch workerCount nodeList nwsHost nwsPort nwsHostRemote nwsPortRemote scriptExec scriptDir "
    "scriptName modulePath workingDir logDir user wsNameTemplate userWsNameTemplate verbose"
)
GUIDE: Final = {
    # Positional arguments, then keywords.
    "Sleigh.__init__": ("", OPTIONS),
    "Sleigh.eachElem": (
        "fun elementArgs fixedArgs",
        "type blocking argPermute loadFactor accumulator",
    ),
    "Sleigh.eachWorker": ("fun *workerArgs", "type blocking accumulator"),
    "Sleigh.imap": ("fun *iterables", "type loadFactor"),
    "Sleigh.starmap": ("fun iterable", "type loadFactor"),
    "Sleigh.status": ("closeGroup timeout", ""),
    "Sleigh.stop": ("", ""),
    "Sleigh.workerInfo": ("", ""),
    "SleighPending.check": ("", ""),
    "SleighPending.wait": ("", ""),
    "SleighResultIterator.shutdown": ("", ""),
    "SleighResultIterator.stop": ("", ""),
}
OURS: Final = {
    "Sleigh.__init__": "serial output initializer initargs ship name",
    "Sleigh.eachElem": "fixedKwargs chunkSize timeout retries raising progress seed group",
    "Sleigh.eachWorker": "fixedKwargs timeout retries raising",
    "Sleigh.imap": "chunkSize timeout retries raising seed group",
    "Sleigh.starmap": "chunkSize timeout retries raising seed group",
}
DEFAULTS: Final = {
    "Sleigh.__init__.launch": "local",
    "Sleigh.__init__.workerCount": 3,
    "Sleigh.__init__.nodeList": ("localhost", "localhost", "localhost"),
    "Sleigh.__init__.modulePath": None,
    "Sleigh.__init__.logDir": None,
    "Sleigh.__init__.wsNameTemplate": "sleigh_ride_%04d",
    "Sleigh.__init__.userWsNameTemplate": "sleigh_user_%04d",
    "Sleigh.__init__.scriptName": "PythonNWSSleighWorker.sh",
    "Sleigh.__init__.scriptExec": sleigh.envcmd,
    "Sleigh.__init__.verbose": False,
    "Sleigh.eachElem.blocking": True,
    "Sleigh.eachElem.loadFactor": 0,
    "Sleigh.eachWorker.blocking": True,
    # Ours goes by time unless it is told; the guide has 10.
    "Sleigh.imap.loadFactor": None,
    "Sleigh.starmap.loadFactor": None,
    "Sleigh.status.closeGroup": False,
    "Sleigh.status.timeout": 0.0,
}
EXCEPTIONS: Final = (
    "Gathered IllegalValue Join Nws Occupied Script Stopped Task"  # between Sleigh and Exception
)


def parameters(name: str) -> dict[str, inspect.Parameter]:
    owner, _, method = name.partition(".")
    found = inspect.signature(getattr(getattr(sleigh, owner), method)).parameters
    return {name: parameter for name, parameter in found.items() if name != "self"}


@pytest.mark.parametrize("name", GUIDE)
def test_arguments(name: str) -> None:
    positional, keywords = GUIDE[name]
    found = parameters(name)
    by_place = [
        ("*" if each.kind is each.VAR_POSITIONAL else "") + each.name
        for each in found.values()
        if each.kind is not inspect.Parameter.KEYWORD_ONLY
    ]
    by_name = [each.name for each in found.values() if each.kind is each.KEYWORD_ONLY]
    assert by_place == positional.split()
    assert by_name == keywords.split() + OURS.get(name, "").split()


@pytest.mark.parametrize(("name", "default"), DEFAULTS.items())
def test_defaults(name: str, default: object) -> None:
    method, _, argument = name.rpartition(".")
    assert parameters(method)[argument].default == default


@pytest.mark.parametrize("name", EXCEPTIONS.split())
def test_exceptions(name: str) -> None:
    kind = getattr(sleigh, f"Sleigh{name}Exception")
    assert kind.__bases__ == (SleighException,)
    assert kind.__doc__


def test_properties_of_results() -> None:
    for name in ("buffered", "returned", "stopped", "submitted"):
        assert isinstance(getattr(SleighResultIterator, name), property)


def test_an_unknown_keyword() -> None:
    with pytest.raises(TypeError, match="workercount"):
        Sleigh(workercount=1)  # type: ignore[call-arg]


@pytest.mark.parametrize("kind", [Sleigh, SleighPending, SleighResultIterator])
def test_all_that_is_public_is_described(kind: type) -> None:
    public = {name for name in dir(kind) if not name.startswith("_")}
    known = {name.partition(".")[2] for name in GUIDE if name.startswith(kind.__name__ + ".")}
    extra = {
        Sleigh: {"callInfo", "call_queue", "lease_time", "map", "nws", "scatter", "size", "submit"}
        | {"launches", "name", "scale", "submit_to", "userNws", "view"},
        SleighPending: {"cancel"},
        SleighResultIterator: {"buffered", "returned", "stopped", "submitted"},
    }[kind]
    assert public == known - {"__init__"} | extra
    assert all(getattr(kind, name).__doc__ for name in public)
