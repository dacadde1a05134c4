"""A package of another version on a worker's machine: errors name both versions."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from nws.sleigh import Sleigh, SleighTaskException
from nws.sleigh.shared.package_versions import version_about

VERSIONS = {
    "old": {"__init__.py": "__version__ = '1.4'\nclass Old:\n    pass\n", "core.py": ""},
    "new": {
        "__init__.py": "__version__ = '2.0'\nclass New:\n    pass\n",
        "core.py": "class Shape:\n    pass\n",
        "_core.py": "class Shape:\n    pass\n",
    },
}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (None, ""),
        (ImportError("who knows"), ""),
        (ImportError("x", name="pytest._no.such"), f"pytest {pytest.__version__}"),
        (ImportError("x", name="there_is_no_such_module"), ""),
        (ImportError("x", name="importlib.x"), ""),
        (AttributeError("Can't get attribute 'X' on <module '__main__' from 'a.py'>"), ""),
        (
            AttributeError("Can't get attribute 'X' on <module 'pytest.a' from '/b'>"),
            f"pytest {pytest.__version__}",
        ),
        (AttributeError(5, "no such thing"), ""),
        (ValueError("pytest"), ""),
    ],
)
def test_what_an_exception_is_about(error: BaseException | None, said: str) -> None:
    assert version_about(error) == said


@pytest.fixture(scope="module")
def sleigh(on_server: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sleigh]:
    """Its worker has an old version of a package, its master a new one."""
    folder = tmp_path_factory.mktemp("versions")
    for version, files in VERSIONS.items():
        for name, text in files.items():
            path = folder / version / "shapes" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder / "new")
        with Sleigh(**on_server, workerCount=1, modulePath=str(folder / "old")) as sleigh:
            yield sleigh
        for name in [name for name in sys.modules if name.partition(".")[0] == "shapes"]:
            del sys.modules[name]


@pytest.mark.parametrize("module", ["shapes._core", "shapes.core"])
def test_a_worker_that_cannot_read_an_argument(sleigh: Sleigh, module: str) -> None:
    """A module is missing there, or what is in it."""
    kind = import_module(module).Shape
    (failed,) = sleigh.eachElem(id, [kind()])
    assert isinstance(failed, SleighTaskException)
    assert f"({sys.executable}) and shapes 1.4: install the version" in str(failed)
    assert str(failed).endswith("\nThe master has shapes 2.0.\n")


def old_one(_: object) -> object:
    import shapes  # type: ignore[import-not-found]

    return shapes.Old()


def test_a_master_that_cannot_read_a_result(sleigh: Sleigh) -> None:
    (failed,) = sleigh.eachElem(old_one, [1])
    assert "cannot be read by the master, which has shapes 2.0: " in str(failed)
    assert failed.pickled_result
