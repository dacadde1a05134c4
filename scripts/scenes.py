"""Takes pictures of the inspector's pages, light and dark, of a server with a sleigh at work."""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import random
import shutil
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from nws.client import NetWorkSpace
from nws.sleigh import Sleigh

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ViewportSize

FOLDER: Final = Path(__file__).resolve().parents[1] / "docs" / "pictures"
WORKSPACE: Final = "weather stations"
LOOPBACK: Final = "tcp:0:interface=127.0.0.1"
DESKTOP: Final[ViewportSize] = {"width": 1280, "height": 800}
PHONE: Final[ViewportSize] = {"width": 360, "height": 740}


def main() -> int:
    """Take all pictures; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the pictures go")
    parser.add_argument("--seconds", type=float, default=20.0, help="for which the sleigh works")
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("scripts/pictures: there is no chromium; apt-get install chromium", file=sys.stderr)
        return 1
    options.folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        port, web = stack.enter_context(serving())
        stack.enter_context(stations(port))
        sleigh_workspace = stack.enter_context(sledding(port))
        time.sleep(options.seconds)
        take_pictures(chromium, web, sleigh_workspace, options.folder)
    return 0


@contextmanager
def serving() -> Iterator[tuple[int, str]]:
    """Run a server; give its port and the address of its inspector."""
    command = [sys.executable, "-m", "nws_server", "--announce", "--until-eof"]
    process = subprocess.Popen(
        [*command, "--listen", LOOPBACK, "--web", LOOPBACK],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        address, web = json.loads(process.stdout.readline())
        yield int(address.rpartition(":")[2]), web.rstrip("/")
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait()


# What there is to be seen


@contextmanager
def stations(port: int) -> Iterator[None]:
    """Fill a workspace with values of all kinds, and let some clients wait and work."""
    ws = NetWorkSpace(WORKSPACE, "localhost", port)
    ws.store(
        "notes", "Station 4 was moved 20 m to the north.\nIts readings before May are as they were."
    )
    ws.store("readings", b"\x00\x01\x02\x7f" * 40)
    ws.store("settings", {"interval": 60, "stations": ["north", "harbour", "hill"], "unit": "°C"})
    ws.store("picture", gradient(240, 120))
    ws.store(
        "temperatures",
        [round(12 + 6 * math.sin(n / 9) + random.gauss(0, 0.7), 2) for n in range(200)],
    )
    ws.store("table", "day,mean\n" + "\n".join(f"{n},{10 + n % 7}" for n in range(1, 40)))
    ws.declare("latest", "single")
    ws.declare("alarms", "lifo")
    ws.store("alarms", "frost at station 2")
    ws.store("jobs", "calibrate")
    ws.store("jobs", "clean")
    lease = ws.lease("jobs", duration=3600)
    others = [NetWorkSpace(WORKSPACE, "localhost", port, useUse=True) for _ in range(3)]
    stop = threading.Event()

    def measure() -> None:
        while not stop.wait(0.3):
            ws.store("latest", f"{12 + random.gauss(0, 1):.1f} °C")
            for _ in range(random.randrange(4)):
                ws.store("queue", random.random())
            for _ in range(random.randrange(4)):
                ws.fetchTry("queue")

    def wait(other: NetWorkSpace, name: str) -> None:
        try:
            other.fetch(name)
        except Exception:
            logging.debug("the server ends")

    threads = [threading.Thread(target=measure)]
    threads += [
        threading.Thread(target=wait, args=(each, "orders"), daemon=True) for each in others
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        threads[0].join()
        lease.release()
        ws.server.close()


def gradient(width: int, height: int) -> bytes:
    """Return a picture as a PNG."""
    rows = b"".join(
        b"\0" + bytes(v for x in range(width) for v in (x * 255 // width, y * 255 // height, 160))
        for y in range(height)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    )


def simulate(number: int) -> float:
    """Take a while; sometimes say something, fail, or die."""
    time.sleep(random.Random(number).uniform(0.05, 0.5))
    if number % 25 == 7:
        print(f"the storm of run {number} does not converge, trying a smaller step")
    if number % 60 == 33:
        raise ValueError(f"run {number}: the pressure is negative")
    if number == 40 and not os.path.exists(f"/tmp/nws-died-{os.getppid()}"):
        Path(f"/tmp/nws-died-{os.getppid()}").touch()
        os.kill(os.getpid(), 9)
    return math.sqrt(number)


@contextmanager
def sledding(port: int) -> Iterator[str]:
    """Let a sleigh work; give the name of its workspace."""
    with Sleigh(nwsHost="localhost", nwsPort=port, workerCount=4, output=None) as sleigh:
        stop = threading.Event()

        def work() -> None:
            pending = sleigh.eachElem(simulate, range(1000), chunkSize=1, blocking=False)
            while not stop.wait(0.2):
                pending.check()
            pending.cancel()

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield sleigh.nws.currentWs()
        finally:
            stop.set()
            thread.join()


# Pictures


def take_pictures(chromium: str, web: str, sleigh_workspace: str, folder: Path) -> None:
    """Take each page, light and dark, and one on a phone."""
    from playwright.sync_api import sync_playwright

    ws = quote(WORKSPACE)
    addresses = {
        "workspaces": "/",
        "workspace": f"/workspace?name={ws}",
        "variable": f"/variable?ws={ws}&name=settings",
        "waiters": f"/variable?ws={ws}&name=orders",
        "value": f"/value?ws={ws}&name=temperatures&index=0&plot=yes",
        "sleigh": f"/sleigh?name={quote(sleigh_workspace)}",
        "clients": "/clients",
        "server": "/server",
        "confirm": f"/confirm?action=delete-variable&ws={ws}&name=alarms",
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        for name, address in addresses.items():
            for scheme in ("light", "dark"):
                shoot(
                    browser,
                    web + address,
                    folder / f"{name}-{scheme}.png",
                    scheme == "dark",
                    DESKTOP,
                )
        shoot(browser, web + addresses["sleigh"], folder / "sleigh-phone.png", False, PHONE)
        shoot(browser, web + addresses["workspace"], folder / "workspace-phone.png", False, PHONE)
        browser.close()


def shoot(browser: Browser, address: str, file: Path, dark: bool, size: ViewportSize) -> None:
    """Take a picture of one page once it is live."""
    context = browser.new_context(color_scheme="dark" if dark else "light", viewport=size)
    page = context.new_page()
    page.goto(address)
    if page.locator("#live").count():
        page.locator("#live-state[data-state=live]").wait_for()
    file.write_bytes(page.screenshot(full_page=True, animations="disabled"))
    context.close()


if __name__ == "__main__":
    sys.exit(main())
