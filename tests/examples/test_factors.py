"""The example of a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.examples.conftest import EXAMPLES, assert_in_gallery
from tests.support.processes import run_python


@pytest.mark.slow
def test_it_factors_numbers_on_two_hosts(tmp_path: Path) -> None:
    done = run_python(EXAMPLES / "factors.py", EXAMPLES / "cluster.toml", cwd=tmp_path)
    assert done.stderr == ""
    hosts = done.stdout.splitlines()[0]
    assert hosts in ("hosts: ['also here', 'here']", "hosts: ['here']", "hosts: ['also here']")
    assert_in_gallery("factors", done.stdout)
