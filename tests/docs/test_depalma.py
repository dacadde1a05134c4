"""The page about Depalma names everything, and each test that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

from nws.depalma.config import ClusterConfig, FrontConfig, HostConfig
from nws.depalma.jobs import JobRecord
from nws.depalma.listings import describe_jobs
from nws.depalma.messages import HostReport, JobOutcome, RunningJob, SubmittedJob
from nws.depalma.methods import METHODS
from nws.depalma.parameters import CodeSpec

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "depalma.md").read_text()
ROWS = re.findall(r"^\| (`.*)\|$", PAGE, re.MULTILINE)
NAMED = set(re.findall(r"`(\w+)`", PAGE))


def test_every_method_is_a_row_with_a_test() -> None:
    tested = [row.split("|") for row in ROWS if "test_" in row]
    assert [cells[0].strip(" `") for cells in tested][: len(METHODS)] == list(METHODS)
    for cells in tested:
        name, file = cells[0].strip(" `"), cells[-1].strip(" `")
        assert name in (ROOT / "tests" / "depalma" / file).read_text(), f"{name} in {file}"


def test_every_parameter_key_and_field_is_named() -> None:
    parameters = {*CodeSpec.__struct_fields__} - {"command"}
    keys = {*ClusterConfig.__struct_fields__, *FrontConfig.__struct_fields__}
    keys = (keys | {*HostConfig.__struct_fields__}) - {"front", "host"}
    reports = {*HostReport.__struct_fields__, *RunningJob.__struct_fields__}
    outcomes = {*JobOutcome.__struct_fields__} - {"job"}
    (job,) = describe_jobs([JobRecord(SubmittedJob(1, 1, 1), CodeSpec(command="true"))], [])
    assert parameters | keys | reports | outcomes | {*job} <= NAMED
