"""The page about Depalma names everything, and each test that it names is there."""

from __future__ import annotations

import pydoc
import re
import shutil
from pathlib import Path

import pytest

from nws import depalma
from nws.depalma.config import ClusterConfig, FrontConfig, HostConfig
from nws.depalma.front import FAULTS
from nws.depalma.jobs import JobRecord
from nws.depalma.listings import describe_jobs
from nws.depalma.messages import HostReport, JobOutcome, RunningJob, SubmittedJob
from nws.depalma.methods import METHODS, Methods
from nws.depalma.parameters import CodeSpec
from tests.support.processes import run_python

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "depalma.md").read_text()
ROWS = re.findall(r"^\| (`.*)\|$", PAGE, re.MULTILINE)
PARAMETERS = {*CodeSpec.__struct_fields__} - {"command"}
FOLDERS = (ROOT / "tests" / "depalma", ROOT / "tests" / "processes")
FILES = [file for folder in FOLDERS for file in folder.glob("test_*.py")]
TESTS = {
    name: body
    for file in FILES
    for name, body in re.findall(
        r"^def (test_\w+)(.*?)(?=^def |^class |^@|\Z)", file.read_text(), re.M | re.S
    )
}
NAMED = set(re.findall(r"`(\w+)`", PAGE))


def test_every_name_of_the_original_is_a_row_with_tests_that_use_it() -> None:
    rows = [row for row in ROWS if "`test_" in row]
    names = [row.partition("`")[2].partition("`")[0] for row in rows]
    assert names[: len(METHODS)] == list(METHODS)
    assert {*names[len(METHODS) :]} >= PARAMETERS
    for name, row in zip(names, rows, strict=True):
        tests = re.findall(r"`(test_\w+)`", row)
        assert tests
        for test in tests:
            assert test in TESTS, test
        if name in {*METHODS, *PARAMETERS}:
            assert any(re.search(rf"\b{name}\b", TESTS[test]) for test in tests), name


def test_the_faults_of_each_method_are_those_of_its_help() -> None:
    table = re.findall(r"^\| `(\w+)` \|.*\|([\d, ]*)\| `test_[^|]*\|$", PAGE, re.MULTILINE)
    named = {method: codes.strip() for method, codes in table}
    assert named.keys() >= {*METHODS}
    codes = {kind.__name__: str(code) for kind, code in FAULTS.items()}
    for method in METHODS:
        _, _, raises = (getattr(Methods, method).__doc__ or "").partition("Raises:")
        if raises:
            kinds = re.findall(r"^ +(\w+Exception):", raises, re.MULTILINE)
            assert named[method] == ", ".join(sorted(codes[kind] for kind in kinds)), method


@pytest.mark.nightly  # examples/factors.py does as much
@pytest.mark.skipif(shutil.which("factor") is None, reason="not installed: factor")
def test_the_programs(tmp_path: Path) -> None:
    shutil.copy(ROOT / "examples" / "cluster.toml", tmp_path)
    (tmp_path / "page.py").write_text("".join(re.findall(r"```python\n(.*?)```", PAGE, re.S)))
    assert run_python("page.py", cwd=tmp_path).stdout.endswith("b'1234567: 127 9721\\n'\n")


def test_help_has_the_master_with_all_methods() -> None:
    text = pydoc.plain(pydoc.render_doc(depalma))
    assert "class master_server" in text
    assert "__getattr__" not in text
    for method in METHODS:
        assert f" |  {method}(" in text


def test_each_test_is_there() -> None:
    assert {*re.findall(r"`(test_\w+)`", PAGE)} <= TESTS.keys()


def test_every_parameter_key_and_field_is_named() -> None:
    keys = {*ClusterConfig.__struct_fields__, *FrontConfig.__struct_fields__}
    keys = (keys | {*HostConfig.__struct_fields__}) - {"front", "host"}
    reports = {*HostReport.__struct_fields__, *RunningJob.__struct_fields__}
    outcomes = {*JobOutcome.__struct_fields__} - {"job"}
    (job,) = describe_jobs([JobRecord(SubmittedJob(1, 1, 1), CodeSpec(command="true"))], [])
    assert PARAMETERS | keys | reports | outcomes | {*job} <= NAMED
