"""A real Prometheus that scrapes a server while a sleigh works on it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from nws.sleigh import Sleigh
from tests.support.processes import until
from tests.support.server import PATIENCE
from tests.support.web import Browser, Inspected, inspected

CONFIG = """
global: {{scrape_interval: 200ms}}
scrape_configs:
- job_name: nws
  static_configs: [targets: ["localhost:{port}"]]
"""


@pytest.fixture(scope="module", autouse=True)
def needs_prometheus() -> None:
    """In CI nothing may be left out; elsewhere it is skipped."""
    missing = [name for name in ("prometheus", "promtool") if shutil.which(name) is None]
    if missing and os.environ.get("CI"):
        pytest.fail(f"not installed: {', '.join(missing)}")
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


@contextmanager
def scraping(folder: Path, site: Inspected) -> Iterator[str]:
    """Run a Prometheus that scrapes a server; give the address of its API."""
    config = folder / "prometheus.yml"
    config.write_text(CONFIG.format(port=site.browser.port))
    with socket.create_server(("127.0.0.1", 0)) as free:
        place = f"127.0.0.1:{free.getsockname()[1]}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={place}",
                "--log.level=warn",
            ],
            stderr=log,
        )
        try:
            yield f"http://{place}"
        finally:
            process.terminate()
            process.wait(PATIENCE)


def query(api: str, what: str) -> list[float]:
    """Return the values of an expression; none as long as there are none."""
    try:
        with urlopen(f"{api}/api/v1/query?query={what}", timeout=PATIENCE) as reply:
            found = json.load(reply)
    except URLError:
        return []  # it starts
    return [float(each["value"][1]) for each in found["data"]["result"]]


@pytest.mark.slow
@pytest.mark.nightly  # its tool checks what it reads below, and that of sleighs in test_metrics.py
def test_it_scrapes_a_live_sleigh(tmp_path: Path) -> None:
    with (
        inspected(tmp_path, "--babelfish", "none") as site,
        scraping(tmp_path, site) as api,
        Sleigh(nwsHost="localhost", nwsPort=site.server.port, workerCount=2) as sleigh,
    ):
        pending = sleigh.eachElem(time.sleep, [0.2] * 1000, blocking=False)
        until(lambda: query(api, "nws_sleigh_workers{state='running'}") == [2], "workers")
        assert query(api, "nws_sleighs") == [1]
        assert query(api, "nws_sleigh_calls") == [1]
        assert query(api, "up") == [1]
        pending.cancel()


def test_its_tool_has_no_complaints(browser: Browser) -> None:
    text = browser.get("metrics").body
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, check=False, timeout=60
    )
    assert (checked.returncode, checked.stderr.decode()) == (0, "")
