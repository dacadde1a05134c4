"""How many cores there are for workers: what the system lets this process use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nws.sleigh.shared.cores import available_cores


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


def system(root: Path, groups: str, files: dict[str, str]) -> Path:
    """Make the folders of a system: the groups of this process, and files of groups."""
    for name, text in {"proc/self/cgroup": groups, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_a_system_without_control_groups(tmp_path: Path) -> None:
    assert available_cores(tmp_path) == 8


def test_a_system_that_binds_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert available_cores(tmp_path) == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert available_cores(tmp_path) == 1


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("250000 100000", 3),
        ("10000 100000", 1),
        ("0 100000", 1),
        ("3200000 100000", 8),
        ("", 8),
        ("junk junk", 8),
        ("100000 0", 8),
    ],
)
def test_a_quota(tmp_path: Path, quota: str, cores: int) -> None:
    root = system(tmp_path, "0::/\n", {"sys/fs/cgroup/cpu.max": f"{quota}\n"})
    assert available_cores(root) == cores


def test_the_smallest_quota_of_nested_groups(tmp_path: Path) -> None:
    files = {
        "sys/fs/cgroup/cpu.max": "max 100000\n",
        "sys/fs/cgroup/user/cpu.max": "300000 100000\n",
        "sys/fs/cgroup/user/me/cpu.max": "500000 100000\n",
        "sys/fs/cgroup/other/cpu.max": "100000 100000\n",
    }
    assert available_cores(system(tmp_path, "0::/user/me\n", files)) == 3


def test_a_path_that_is_not_visible_from_inside(tmp_path: Path) -> None:
    root = system(tmp_path, "0::/docker/abc\n", {"sys/fs/cgroup/cpu.max": "400000 100000\n"})
    assert available_cores(root) == 4


@pytest.mark.parametrize(("quota", "cores"), [(-1, 8), (150_000, 2), (50_000, 1)])
def test_the_older_control_groups(tmp_path: Path, quota: int, cores: int) -> None:
    groups = "5:memory:/a\n4:cpu,cpuacct:/a\n1:name=systemd:/a\n"
    files = {
        "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": f"{quota}\n",
        "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
    }
    assert available_cores(system(tmp_path, groups, files)) == cores


def test_this_system() -> None:
    assert 1 <= available_cores() <= 8
