"""The sleigh tutorial of the user guide, chapter 3.2, line by line at a prompt."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.processes import run_python

# What the guide types at the prompt, and what comes back. The guide looks at none of its results:
# that is added. Its `map` returned a list.
SESSION = """
>>> from nws.sleigh import Sleigh
>>> s = Sleigh()
>>> s.status(True, 60)
(3, 1)
>>> s.stop()
>>> # Workers on other machines, which there are none of here:
>>> # from nws.sleigh import sshcmd
>>> # s = Sleigh(launch=sshcmd, nodeList=['node1', 'node2'],
>>> #            nwsHost='node10')
>>> from nws.sleigh import sshcmd
>>> s = Sleigh(workerCount=8)
>>> s.status(True, 60)
(8, 1)
>>> result = s.eachElem(abs, range(-10, 0))
>>> result
[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]
>>> def add2(x, y): return x + y
...
>>> result = s.eachElem(add2, [range(10), range(10, 0, -1)])
>>> result
[10, 10, 10, 10, 10, 10, 10, 10, 10, 10]
>>> result == list(map(add2, range(10), range(10, 0, -1)))
True
>>> result = s.eachElem(add2, range(10), 20)
>>> result
[20, 21, 22, 23, 24, 25, 26, 27, 28, 29]
>>> result == list(map(add2, range(10), [20]*10))
True
>>> def sub(x, y): return x - y
...
>>> result = s.eachElem(sub, range(20), 20, argPermute=[1,0])
>>> result
[20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]
>>> result == list(map(sub, [20]*20, range(20)))
True
>>> p = s.eachElem(add2, [range(20), range(20, 0, -1)], blocking=0)
>>> while p.check() > 0:
...     # Do something useful for a little while
...     pass
...
>>> result = p.wait()
>>> result == [20]*20
True
>>> result = s.eachElem(add2, [range(1000), range(1000)], loadFactor=3)
>>> result == list(range(0, 2000, 2))
True
>>> s.eachWorker(add2, 3, 4)
[7, 7, 7, 7, 7, 7, 7, 7]
>>> s.stop()
"""


@pytest.mark.slow
@pytest.mark.usefixtures("programs_on_server")
def test_the_tutorial(tmp_path: Path) -> None:
    session = SESSION.strip().splitlines()
    typed = [line for line in session if line.startswith((">>>", "..."))]
    shown = [line for line in session if line not in typed]
    stdin = "".join(f"{line[4:]}\n" for line in typed)
    done = run_python("-i", "-q", cwd=tmp_path, stdin=stdin)
    assert done.stdout.splitlines() == shown
    assert done.stderr.replace(">>> ", "").replace("... ", "").strip() == ""
