"""What a job's function finds by its names, run as users run it: from a main program."""

from __future__ import annotations

import os.path
from pathlib import Path

import pytest

from nws import pp
from tests.pp import needy
from tests.support.processes import run_python

PROGRAM = """
import functools, json
import string as text
import threading

from nws import pp

LOCK = threading.Lock()
FACTOR = 3


def root(number):
    return math.sqrt(number)


def helper(number):
    return math.floor(number) + 1


def by_text(name, *args):
    return eval(name)(*args)


def unsendable():
    return LOCK


class Scale:
    def __init__(self, factor):
        self.factor = factor

    def apply(self, number):
        return self.factor * FACTOR * number

    def root(self, number):
        return math.sqrt(number)

    def __call__(self, number):
        return self.apply(number)


def make_adder(more):
    def add(number):
        return number + more
    return add


def uses_helper(number):
    return helper(number) * FACTOR


def apply_to(scale, number):
    return scale.apply(number)


def make_class(factor):
    class Local:
        def __init__(self, number):
            self.number = factor * number

        def half(self):
            return Local(self.number / 2 / factor)
    return Local


if __name__ == "__main__":
    job_server = pp.Server(1, restart=RESTART)
    submit = job_server.submit
    assert submit(root, (4,), (), ("math",))() == 2.0
    assert submit(root, (4,), modules=("import math",))() == 2.0
    assert submit(root, (4,), modules=("import cmath as math",))() == 2.0
    assert submit(lambda number: sqrt(number), (9,), modules=("from math import sqrt",))() == 3.0
    assert submit(lambda: os.path.basename("a/b"), modules=("os.path",))() == "b"
    assert submit(uses_helper, (1.5,), (helper,), ("math",))() == 6
    Local = make_class(3)
    assert submit(Local, (2,))().number == 6
    halved = submit(Local.half, (Local(2),))()
    assert (type(halved), halved.number) == (Local, 3.0)
    assert submit(by_text, ("helper", 1.5), (helper,), ("math",))() == 2
    assert submit(by_text, ("text.digits.upper",), globals=globals())() == "0123456789"
    assert submit(by_text, ("uses_helper", 1.5), modules=("math",), globals=globals())() == 6
    assert submit(by_text, ("Scale(2).apply", 5), globals=globals())() == 30
    assert submit(by_text, ("str", 5), globals=globals())() == "5"
    assert submit(Scale(2).apply, (5,))() == 30
    assert submit(Scale(2), (5,))() == 30
    assert submit(Scale(2).root, (4,), (), ("math",))() == 2.0
    assert submit(apply_to, (Scale(2), 5))() == 30
    assert submit(Scale, (4,))().factor == 4
    assert submit(make_adder(5), (1,))() == 6
    assert submit(functools.partial(pow, 2), (5,))() == 32
    assert submit(functools.partial(root), (4,), (), ("math",))() == 2.0
    assert submit(sum, ((1, 2),))() == 3
    assert submit("a-b".split, ("-",))() == ["a", "b"]
    assert submit(by_text, ("(lambda f, n: f(n))", make_adder(1), 2))() == 3
    template = pp.Template(job_server, by_text, (), ("math",), globals=globals())
    assert [template.submit("helper", n)() for n in range(3)] == [1, 2, 3]
    job = submit(abs, (-1,), (), ("no_such_module",))
    assert job() == 1
    try:
        submit(root, (4,), modules=("no_such_module",))()
    except pp.SleighTaskException as error:
        assert "math" in str(error), error
    else:
        assert not RESTART
    job_server.destroy()
"""


@pytest.mark.nightly(but_each=2)
@pytest.mark.parametrize("restart", [False, True])
def test_a_main_program(tmp_path: Path, restart: bool) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.replace("RESTART", str(restart)))
    done = run_python(program, cwd=tmp_path)
    assert done.stdout.splitlines()[0] == (
        "pp: 'import no_such_module' has failed: "
        "ModuleNotFoundError(\"No module named 'no_such_module'\")"
    )
    assert done.stderr == ""


def test_functions_of_a_module_keep_the_names_that_they_have(job_server: pp.Server) -> None:
    with pytest.raises(pp.SleighTaskException, match="helper"):
        job_server.submit(needy.call_helper)()

    def helper() -> str:
        return "mine"

    def has_already() -> str:
        return "mine"

    job = job_server.submit(needy.call_helper, (), (helper, has_already))
    assert job() == ("mine", "the module's")


def test_modules_are_found_where_the_master_looks(job_server: pp.Server) -> None:
    def basename(path: str) -> str:
        return os.path.basename(path)

    assert job_server.submit(basename, ("a/b",), (), ("tests.pp.needy",))() == "b"
