"""A master that gevent has patched: its greenlets wait in the client and in calls, side by side."""

from __future__ import annotations

import pytest

from tests.sleigh.conftest import Script

pytestmark = pytest.mark.usefixtures("programs_on_server")

PROGRAM = """
from gevent import monkey

monkey.patch_all()

import gevent
from nws.sleigh import Sleigh

def double(number):
    return 2 * number

def wait(name):
    return SleighUserNws.find(name)

def fail(number):
    raise ValueError(number)

def all_of(*greenlets):
    gevent.joinall(greenlets, raise_error=True)
    return [greenlet.value for greenlet in greenlets]

def main(sleigh):
    ws = sleigh.userNws

    print(sleigh.eachElem(double, range(3)), sleigh.eachWorker(double, 3))
    print(type(sleigh.eachElem(fail, [1])[0].__cause__))

    # A call waits until another greenlet lets it go on.
    call = gevent.spawn(sleigh.eachElem, wait, [["go"]])
    asked = [sleigh.submit(wait, "go") for _ in range(3)]
    answers = gevent.spawn(lambda: [future.result() for future in asked])
    ws.store("go", "went")
    print(all_of(call, answers))
    print(all_of(*[gevent.spawn(sleigh.submit(double, n).result) for n in range(20)])[-1])
    print(list(sleigh.imap(double, (n for n in range(5)))))

    # Many greenlets wait in one session, and none takes the value of another.
    waiting = [gevent.spawn(ws.fetch, "x") for _ in range(20)]
    for number in range(20):
        ws.store("x", number)
    print(sorted(all_of(*waiting)) == list(range(20)))

    # One that gives up loses nothing, in a fetch and in a call.
    try:
        with gevent.Timeout(0.01):
            ws.fetch("y")
    except gevent.Timeout:
        ws.store("y", 1)
    print(ws.fetch("y", timeout=20))
    gone = gevent.spawn(sleigh.eachElem, wait, [["never"]])
    while not sleigh.callInfo():
        gevent.sleep(0)
    gone.kill()
    print(sleigh.eachElem(double, [7]))

if __name__ == "__main__":
    with Sleigh(workerCount=2) as sleigh:
        main(sleigh)
"""


@pytest.mark.slow
def test_greenlets(script: Script) -> None:
    assert script(PROGRAM).stdout.split("\n") == [
        "[0, 2, 4] [6, 6]",
        "<class 'ValueError'>",
        "[['went'], ['went', 'went', 'went']]",
        "38",
        "[0, 2, 4, 6, 8]",
        "True",
        "1",
        "[14]",
        "",
    ]
