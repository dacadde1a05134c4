"""The server's command line options, and the `twistd nws` plugin's entry."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, ClassVar, Final, NoReturn

import twisted
from twisted.python import usage

from nws.version import __version__
from nws_server.config import NUMBERS, Config, ConfigError, whole_number
from nws_server.service import NwsService, make_service

_TEXT_SETTINGS: Final = (
    "tmp_dir",
    "web",
    "web_folder",
    "babelfish",
    "original",
    "tls_certificate",
    "tls_key",
    "io",
)
"""Settings that `Config` checks by itself."""


class ServerOptions(usage.Options):
    """The settings as options. An option overrides its NWS_* environment variable."""

    usage_line = "Usage: twistd -n nws [--listen=ENDPOINT] [--web=ENDPOINT] [--OPTION=VALUE ...]"
    longdesc = (
        "Serve named workspaces. Without options the server listens on port 8765 of the loopback "
        "interface, and its inspector on port 8766. Other ones can be given as NWS_SERVER_PORT, "
        "NWS_WEB_PORT and NWS_INTERFACE in the environment, where --memory-limit can be given as "
        "NWS_MEMORY_LIMIT, and likewise the other options with a size or a number."
    )
    optFlags: ClassVar[list[Any]] = [
        ["no-extensions", None, "Speak only the original protocol."],
        ["plain", None, "Listen to other machines, although anybody on the way can read along."],
        ["tls", None, "Speak TLS with other machines, by a new certificate if none is given."],
        ["web-read-only", None, "The inspector shows everything but changes nothing."],
    ]
    optParameters: ClassVar[list[Any]] = [
        ["tmp-dir", None, None, "Folder for long values; default: the system's.", Path],
        [
            "long-value-size",
            None,
            None,
            "Keep values from this size on in files; default: 16777216.",
        ],
        [
            "max-value-size",
            None,
            None,
            "Refuse values of more than this many bytes; default: none.",
        ],
        [
            "memory-limit",
            None,
            None,
            "Refuse stores beyond this many bytes of memory; default: none.",
        ],
        ["spool-limit", None, None, "Refuse long values beyond this many bytes; default: none."],
        [
            "max-connections",
            None,
            None,
            "Refuse further clients; default: 10000, or fewer if few files may be open.",
        ],
        [
            "peer-timeout",
            None,
            None,
            "Give up machines after this many silent seconds; default: 30.",
        ],
        ["keep-runs", None, None, "Show ended sleighs for this many seconds; default: 3600."],
        [
            "web",
            None,
            None,
            "Where the inspector listens, or none; default: tcp:8766:interface=127.0.0.1, with "
            "--listen none.",
        ],
        [
            "web-folder",
            None,
            None,
            "Folder of files for clients, served under /clientCode/; default: none.",
            Path,
        ],
        [
            "babelfish",
            None,
            None,
            "Reads Python values for the inspector: safe, trusting or none; default: safe.",
        ],
        [
            "original",
            None,
            None,
            "Which clients without the secret may come in: same-user, never or anyone; default: "
            "same-user.",
        ],
        [
            "tls-certificate",
            None,
            None,
            "File in PEM: the certificate for TLS, and those of authorities in between; default: a "
            "new one.",
            Path,
        ],
        ["tls-key", None, None, "File in PEM, for this user only: its key; default: none.", Path],
        ["io", None, None, "fast, or plain: only documented interfaces of Twisted; default: fast."],
    ]

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.listen: list[str] = []
        self.web_names: list[str] = []

    def getSynopsis(self) -> str:
        """Return the first line of the help."""
        return self.usage_line

    def opt_listen(self, endpoint: str) -> None:
        """Twisted endpoint; can be given several times; default: tcp:8765:interface=127.0.0.1."""
        self.listen.append(endpoint)

    opt_l = opt_listen

    def opt_web_name(self, name: str) -> None:
        """Name for browsers of this machine; can be given several times; default: none."""
        self.web_names.append(name)

    def opt_version(self) -> NoReturn:
        """Display the version and exit."""
        print(f"NetWorkSpaces {__version__} with Twisted {twisted.__version__}")
        sys.exit(0)

    def postOptions(self) -> None:
        """Report invalid settings now: twistd shows errors as such only at this moment."""
        self.config()

    def config(self) -> Config:
        """Return the settings, from these options and the environment.

        Raises:
            usage.UsageError: a setting is invalid.
        """
        given = {name: self[name.replace("_", "-")] for name in _TEXT_SETTINGS}
        try:
            for setting, minimum in NUMBERS.items():
                option = setting.replace("_", "-")
                given[setting] = whole_number(self[option], f"--{option}", minimum)
            return Config.from_environment(
                listen=tuple(self.listen) or None,
                extensions=False if self["no-extensions"] else None,
                plain=True if self["plain"] else None,
                tls=True if self["tls"] else None,
                web_actions=False if self["web-read-only"] else None,
                web_names=tuple(self.web_names) or None,
                **given,
            )
        except ConfigError as error:
            raise usage.UsageError(str(error)) from error


Options = ServerOptions
"""The name that twistd looks for."""


def makeService(options: ServerOptions) -> NwsService:
    """Build the service for twistd, which expects this name."""
    return make_service(options.config())
