"""The command of a job, as its code describes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nws.depalma.job_command import start_job, words_of
from nws.depalma.parameters import CodeSpec
from nws.processes.process_group import ProcessEnd


def run(command: Any, *arguments: str, **params: Any) -> ProcessEnd:
    return start_job(CodeSpec.checked(command, params), arguments).wait()


def test_a_list_is_no_shell_and_a_text_is_one() -> None:
    assert words_of(CodeSpec.checked(["echo", "$A"], {}), ["a b"]) == ["echo", "$A", "a b"]
    assert words_of(CodeSpec.checked("echo $A |cat", {}), ["a b", "*"]) == [
        *("/bin/sh", "-c"),
        "echo $A |cat 'a b' '*'",
    ]


def test_environment_and_folder_are_its_own(tmp_path: Path) -> None:
    end = run('test "$COLOUR" = "a b" && test "$(pwd -P)" = "$1" && test -n "$PATH"; exit $?')
    assert end.status == 1
    command = 'test "$COLOUR" = "a b" && test "$(pwd -P)" = "$FOLDER" && test -n "$PATH"'
    env = {"COLOUR": "a b", "FOLDER": str(tmp_path.resolve())}
    assert run(command, env=env, cwd=str(tmp_path)).status == 0


def test_limits_are_those_of_the_code() -> None:
    command = "test $(ulimit -v) = 1048576 && test $(ulimit -S -t) = 7"
    assert run(command, memory=2**30, cpu=7).status == 0
