"""A module that the master edits and reloads between calls: workers run what the master has."""

from __future__ import annotations

import pytest

from tests.sleigh.conftest import Script

BEGIN = """
import importlib, os, sys, time
from pathlib import Path
from nws.sleigh import Sleigh, SleighTaskException
# What is written twice in a second has the same time stamp, so Python would take it for compiled.
sys.dont_write_bytecode = True
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"

def edit(name, version):
    Path(f"{name}.py").write_text({
        "tool": f"import helper, functools\\n@functools.cache\\ndef kept(): return 1\\n"
                f"@functools.wraps(print)\\ndef wrapped(): return {version}\\n"
                f"shown = functools.wraps(wrapped)(helper.help)\\n"
                f"def work(_): return {version}, helper.help()\\n"
                f"class Thing:\\n  def __call__(self, _): return {version}, helper.help()\\n",
        "helper": f"def help(): return {version}\\n",
    }[name])

edit("tool", 1)
edit("helper", 1)
sys.path.insert(0, os.getcwd())
import tool, helper

def lazily(_):
    import tool
    return tool.work(0)

CALLS = {
    "eachElem": lambda s: set(s.eachElem(tool.work, range(40), chunkSize=1)),
    "eachWorker": lambda s: set(s.eachWorker(tool.work, 0)),
    "imap": lambda s: set(s.imap(tool.work, range(40))),
    "submit": lambda s: {s.submit(tool.work, 0).result() for _ in range(8)},
    "object": lambda s: set(s.eachElem(tool.Thing(), range(40))),
    "lambda": lambda s: set(s.eachElem(lambda n: tool.work(n), range(40))),
    "lazily": lambda s: set(s.eachElem(lazily, range(40))),
    "expression": lambda s: set(s.eachElem("__import__('tool').work(0)", range(40))),
}
"""

RELOADS = """
if __name__ == "__main__":
    version = 1
    with Sleigh(workerCount=2) as sleigh:
        for name in sys.argv[1:]:
            call = CALLS[name]
            print(call(sleigh), call(sleigh))
            version += 1
            edit("tool", version)
            importlib.reload(tool)
            print(call(sleigh), call(sleigh))
            version += 1
            edit("helper", version)
            importlib.reload(helper)
            print(call(sleigh), call(sleigh))
            before = sleigh.eachWorker(os.getpid)
            print(call(sleigh))
            print(sleigh.eachWorker(os.getpid) == before)
            del sys.modules["tool"], sys.modules["helper"]
            version += 1
            edit("tool", version)
            import tool, helper
            print(call(sleigh))
"""


@pytest.mark.slow
@pytest.mark.usefixtures("programs_on_server")
@pytest.mark.parametrize(
    "calls",
    [
        ("eachElem", "eachWorker", "imap", "submit"),
        pytest.param(("object", "lambda", "lazily", "expression"), marks=pytest.mark.nightly),
    ],
    ids=",".join,
)
def test_all_elements_run_what_the_master_has(script: Script, calls: tuple[str, ...]) -> None:
    """Each kind of call is in turn the first one after a reload."""
    said = iter(script(BEGIN + RELOADS, *calls).stdout.splitlines())
    tool = helper = 1
    for call in calls:
        assert next(said) == f"{{{(tool, helper)}}} {{{(tool, helper)}}}", call
        tool = max(tool, helper) + 1
        assert next(said) == f"{{{(tool, helper)}}} {{{(tool, helper)}}}", call
        helper = tool + 1
        assert next(said) == f"{{{(tool, helper)}}} {{{(tool, helper)}}}", call
        assert next(said) == f"{{{(tool, helper)}}}", call
        assert next(said) == "True", "the same workers"
        tool = helper + 1
        assert next(said) == f"{{{(tool, helper)}}}", call
    assert next(said, None) is None


EDITED_AGAIN = """
if __name__ == "__main__":
    with Sleigh(workerCount=2) as sleigh:
        print(CALLS["eachElem"](sleigh))
        edit("tool", 2)
        importlib.reload(tool)
        edit("tool", 3)
        for result in sleigh.eachElem(tool.work, range(4)):
            assert isinstance(result, SleighTaskException), result
        print(str(result))
        importlib.reload(tool)
        print(CALLS["eachElem"](sleigh))
"""


@pytest.mark.usefixtures("programs_on_server")
def test_a_file_that_is_another_one_by_now(script: Script) -> None:
    first, *error, _, last = script(BEGIN + EDITED_AGAIN).stdout.splitlines()
    assert (first, last) == ("{(1, 1)}", "{(3, 1)}")
    assert "the module 'tool' was reloaded by the master, but its file on" in " ".join(error)


EDITED_LATER = """
if __name__ == "__main__":
    with Sleigh(workerCount=1) as sleigh:
        edit("tool", 2)
        importlib.reload(tool)
        print(CALLS["eachElem"](sleigh))
        edit("tool", 3)
        print(CALLS["eachElem"](sleigh), CALLS["lambda"](sleigh), CALLS["object"](sleigh))
        importlib.reload(tool)
        print(CALLS["lambda"](sleigh))
"""


@pytest.mark.usefixtures("programs_on_server")
def test_a_file_that_is_edited_and_not_reloaded(script: Script) -> None:
    """Workers keep what they have, also for functions that are new to them."""
    assert script(BEGIN + EDITED_LATER).stdout.splitlines() == [
        "{(2, 1)}",
        "{(2, 1)} {(2, 1)} {(2, 1)}",
        "{(3, 1)}",
    ]
