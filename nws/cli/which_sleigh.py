"""Which sleigh commands talk to."""

from __future__ import annotations

from nws.cli.exit_status import CommandFailure, NothingThere
from nws.cli.sleigh_reports import is_sleigh, name_of
from nws.cli.which_server import connect
from nws.client import NetWorkSpace, NwsServer
from nws.errors import NwsNoWorkSpaceException

__all__ = ["open_sleigh"]


def open_sleigh(host: str | None, port: int | None, name: str) -> NetWorkSpace:
    """Use the workspace of a sleigh without owning it. Leaving the block of its ``with`` statement
    closes the connection.

    Args:
        host, port: of the server; None for the settings.
        name: the workspace, or what the program calls the sleigh.

    Raises:
        NwsConnectException: no server answers.
        NothingThere: there is no such sleigh.
        CommandFailure: several are called so.
        SettingsError: a file of settings cannot be used.
    """
    server = connect(host, port)
    try:
        found = _workspaces_of(server, name)
        if len(found) == 1:
            return server.useWs(found[0], create=False)
        if found:
            which = ", ".join(sorted(found))
            raise CommandFailure(f"several sleighs are called {name!r}: name one of {which}")
        raise NothingThere(f"there is no sleigh {name!r}; `nws sleigh ls` lists them")
    except BaseException:
        server.close()
        raise


def _workspaces_of(server: NwsServer, name: str) -> list[str]:
    """Return the workspace with this name if it is that of a sleigh, else those of all sleighs that
    are called so."""
    listing = server.listWss("dict")
    assert isinstance(listing, dict)
    sleighs = [each.name for each in listing.values() if is_sleigh(each.varlist)]
    return [name] if name in sleighs else [each for each in sleighs if _is(server, each, name)]


def _is(server: NwsServer, workspace: str, name: str) -> bool:
    try:
        return name_of(server.useWs(workspace, create=False)) == name
    except NwsNoWorkSpaceException:
        return False  # it has just ended
