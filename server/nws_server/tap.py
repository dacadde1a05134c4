"""The server's command line options, and the `twistd nws` plugin's entry."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Final

from twisted.python import usage

from nws_server.config import NUMBERS, Config, ConfigError, whole_number
from nws_server.service import NwsService, make_service

_AS_THEY_ARE: Final = ("tmp_dir", "web", "web_folder", "babelfish")


class Options(usage.Options):
    """Settings given here come before the NWS_* environment variables."""

    synopsis = "[options]"
    longdesc = (
        "Serve named workspaces. Without options the server listens on port 8765 of the loopback "
        "interface. The same settings can be given as NWS_* environment variables; "
        "docs/operations.md lists them."
    )
    optFlags: ClassVar[list[Any]] = [
        ["no-extensions", None, "Speak only the original protocol."],
        ["web-read-only", None, "Let the inspector show everything but change nothing."],
    ]
    optParameters: ClassVar[list[Any]] = [
        ["tmp-dir", None, None, "Folder for long values.", Path],
        ["long-value-size", None, None, "Keep values of so many bytes in files."],
        ["max-value-size", None, None, "Refuse values of more bytes."],
        ["memory-limit", None, None, "Refuse stores when values use so many bytes."],
        ["spool-limit", None, None, "Refuse long values when files use so many bytes."],
        ["max-connections", None, None, "Refuse further connections."],
        ["web", None, None, "Where the inspector listens, such as tcp:8766; or none."],
        ["web-folder", None, None, "Folder of files for clients, under /clientCode/.", Path],
        ["babelfish", None, None, "How it reads Python values: safe, trusting or none."],
    ]

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.listen: list[str] = []
        self.web_names: list[str] = []

    def opt_listen(self, endpoint: str) -> None:
        """Where to listen, as a Twisted endpoint description, such as tcp:8765:interface=127.0.0.1
        or unix:/run/nws.sock:mode=600. Can be given several times."""
        self.listen.append(endpoint)

    opt_l = opt_listen

    def opt_web_name(self, name: str) -> None:
        """A name by which browsers may call this machine, beside its own and localhost. Can be
        given several times."""
        self.web_names.append(name)

    def postOptions(self) -> None:
        """Tell at once of what cannot be used: twistd shows errors as such only at this moment."""
        self.config()

    def config(self) -> Config:
        """Return the settings, from these options and the environment.

        Raises:
            usage.UsageError: one of them cannot be used.
        """
        given = {name: self[name.replace("_", "-")] for name in _AS_THEY_ARE}
        try:
            for setting, least in NUMBERS.items():
                option = setting.replace("_", "-")
                given[setting] = whole_number(self[option], f"--{option}", least)
            return Config.from_environment(
                listen=tuple(self.listen) or None,
                extensions=False if self["no-extensions"] else None,
                web_actions=False if self["web-read-only"] else None,
                web_names=tuple(self.web_names) or None,
                **given,
            )
        except ConfigError as error:
            raise usage.UsageError(str(error)) from error


def makeService(options: Options) -> NwsService:
    """Build the service for twistd, which expects this name."""
    return make_service(options.config())
