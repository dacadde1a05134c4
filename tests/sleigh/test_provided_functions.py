"""Which functions are on the server: each is sent once, and the last ones stay."""

from __future__ import annotations

from nws.sleigh.master.provided_functions import ProvidedFunctions
from nws.sleigh.shared.messages import Call, Task


def tasks_of(*names: str) -> list[Task]:
    return [Task(Call(1, name, 2), 0, [[1]]) for name in names]


def test_a_function_is_sent_with_the_first_task_that_needs_it() -> None:
    functions = ProvidedFunctions()
    functions.use("one", b"1")
    functions.use("two", b"2")
    assert functions.unsent(tasks_of("one", "one")) == {"one": b"1"}
    functions.note_sent(["one"])
    assert functions.unsent(tasks_of("one", "two")) == {"two": b"2"}


def test_one_that_the_server_has_refused_is_sent_again() -> None:
    functions = ProvidedFunctions()
    functions.use("one", b"1")
    sent = functions.unsent(tasks_of("one"))
    functions.note_sent(sent)
    functions.note_refused(sent)
    assert functions.unsent(tasks_of("one")) == sent


def test_one_that_was_never_sent_is_forgotten_with_its_last_call() -> None:
    functions = ProvidedFunctions()
    functions.use("one", b"1")
    functions.use("one", b"2")
    functions.release("one")
    functions.use("one", b"3")  # while it is in use, it is the first one
    functions.release("one")
    functions.release("one")
    assert not functions.unsent(tasks_of("one"))
    functions.use("one", b"4")
    assert functions.unsent(tasks_of("one")) == {"one": b"4"}


def test_one_whose_call_is_over_before_it_is_noted_as_sent_is_deleted_like_others() -> None:
    """The result may come before the thread that has sent it goes on."""
    functions = ProvidedFunctions()
    functions.use("one", b"1")
    sent = functions.unsent(tasks_of("one"))
    functions.release("one")
    functions.note_sent(sent)
    functions.use("one", b"2")
    assert not functions.unsent(tasks_of("one")), "it is there"
    functions.release("one")
    later = [f"function {number}" for number in range(8)]
    for name in later:
        functions.use(name, b"")
    functions.note_sent(functions.unsent(tasks_of(*later)))
    assert functions.surplus() == ["one"]


def test_of_the_others_the_last_ones_stay() -> None:
    functions = ProvidedFunctions()
    names = [f"function {number}" for number in range(11)]
    for name in names:
        functions.use(name, b"")
    functions.note_sent(names)
    for name in names[1:]:
        functions.release(name)
    # The first one is in use.
    assert functions.surplus() == names[1:4]
    assert not functions.surplus()
    for name in names[1], names[4]:
        functions.use(name, b"again")
    assert functions.unsent(tasks_of(names[1], names[4])) == {names[1]: b"again"}
