"""Run a server in the foreground: `python -m nws_server`. It logs to stderr and ends on SIGTERM."""

from __future__ import annotations

import gc
import json
import os
import sys
from pathlib import Path
from typing import Any, ClassVar

from twisted.internet import stdio
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
)
from twisted.python import usage
from twisted.python.failure import Failure

from nws_server.log_format import LOG_FORMATS, log_observer
from nws_server.service import NwsService, address_text, make_service
from nws_server.tap import ServerOptions


class RunOptions(ServerOptions):
    """The options of running a server in the foreground; Twisted adds those of the base class."""

    usage_line = (
        "Usage: python -m nws_server [--listen=ENDPOINT] [--web=ENDPOINT] [--OPTION=VALUE ...]"
    )
    optFlags: ClassVar[list[Any]] = [
        ["announce", None, "Write the addresses as a JSON list, in a line, once they are served."],
        ["until-eof", None, "End when stdin is closed, that is, with the process that holds it."],
    ]
    optParameters: ClassVar[list[Any]] = [
        ["announce-fd", None, 1, "The file descriptor that --announce writes to.", int],
        [
            "pidfile",
            None,
            None,
            "Write the process id here while the server runs; default: nowhere.",
            Path,
        ],
        ["log-format", None, "text", f"Of the lines of the log: {' or '.join(LOG_FORMATS)}."],
    ]

    def postOptions(self) -> None:
        super().postOptions()
        if self["log-format"] not in LOG_FORMATS:
            raise usage.UsageError(
                f"{self['log-format']!r} is no format of the log; "
                f"choose from {', '.join(LOG_FORMATS)}"
            )


class _Parent(Protocol):
    """The process at the other end of stdin. It can ask for an inspector; its end is ours."""

    def __init__(self, service: NwsService, reactor: Any) -> None:
        self._service = service
        self._reactor = reactor

    def dataReceived(self, data: bytes) -> None:
        if data.strip() == b'"inspector"':
            opening = self._service.open_inspector()
            opening.addErrback(lambda failure: {"problem": failure.getErrorMessage()})
            opening.addCallback(self._answer)

    def _answer(self, answer: object) -> None:
        transport: Any = self.transport
        transport.write(json.dumps(answer).encode() + b"\n")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._reactor.running:
            self._reactor.stop()


def _without_twisted_info() -> LogLevelFilterPredicate:
    """Drop Twisted's own lines below warnings: it has one beside each of ours."""
    chosen = LogLevelFilterPredicate()
    for namespace in ("log_legacy", "twisted"):
        chosen.setLogLevelForNamespace(namespace, LogLevel.warn)
    return chosen


def _parse(options: RunOptions, arguments: list[str] | None) -> None:
    """Read the options. End the process quietly if whoever reads their help has enough of it."""
    try:
        try:
            options.parseOptions(arguments)  # type: ignore[no-untyped-call]
        finally:
            print(end="", flush=True)
    except BrokenPipeError:
        # Python writes the rest at the end, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def main(arguments: list[str] | None = None) -> int:
    """Run a server until it is told to stop; return the exit status."""
    options = RunOptions()
    try:
        _parse(options, arguments)
        pidfile: Path | None = options["pidfile"]
        service = make_service(options.config())
    except usage.UsageError as error:
        print(f"nws_server: {error} (see --help)", file=sys.stderr)
        return 2
    observer = log_observer(options["log-format"], sys.stderr)
    log = FilteringLogObserver(observer, [_without_twisted_info()])
    globalLogBeginner.beginLoggingTo([log], redirectStandardIO=False)
    announce_fd = options["announce-fd"] if options["announce"] else None
    return _run(service, pidfile, announce_fd, until_eof=options["until-eof"])


def _run(
    service: NwsService, pidfile: Path | None, announce_fd: int | None, *, until_eof: bool
) -> int:
    from twisted.internet import reactor as chosen_reactor  # `make_service` has chosen it

    reactor: Any = chosen_reactor
    status = 0

    def started(_: None) -> None:
        if pidfile is not None:
            pidfile.write_text(f"{os.getpid()}\n")
        if announce_fd is not None:
            places = [*map(address_text, service.ports), *filter(None, [service.web_address])]
            os.write(announce_fd, json.dumps(places).encode() + b"\n")
        if until_eof:
            answers_fd = 1 if announce_fd is None else announce_fd
            stdio.StandardIO(  # type: ignore[call-arg]  # mypy reads the one for Windows
                _Parent(service, reactor), stdout=answers_fd
            )

    def failed(failure: Failure) -> None:
        nonlocal status
        status = 1
        print(f"nws_server: cannot start: {failure.getErrorMessage()}", file=sys.stderr)
        reactor.stop()

    def start() -> None:
        service.start().addCallbacks(started).addErrback(failed)

    gc.freeze()  # what was imported stays: no collection looks at it, nor the one at the end
    reactor.callWhenRunning(start)
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.run()
    if pidfile is not None and status == 0:
        pidfile.unlink(missing_ok=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
