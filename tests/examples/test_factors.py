"""The example of a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.examples.conftest import EXAMPLES
from tests.support.processes import run_python


@pytest.mark.slow
def test_it_factors_numbers_on_two_hosts(tmp_path: Path) -> None:
    done = run_python(EXAMPLES / "factors.py", EXAMPLES / "cluster.toml", cwd=tmp_path)
    assert done.stderr == ""
    hosts, *said = done.stdout.splitlines()
    assert hosts in ("hosts: ['also here', 'here']", "hosts: ['here']", "hosts: ['also here']")
    assert said == [
        "144 = 2 * 2 * 2 * 2 * 3 * 3",
        "10062757 = 1009 * 9973",
        "many: exit status 1, ValueError: invalid literal for int() with base 10: 'many'",
        "4999915 = 5 * 999983",
    ]
