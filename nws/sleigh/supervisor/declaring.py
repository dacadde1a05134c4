"""The modes of variables that a supervisor uses, whatever others have made of them."""

from __future__ import annotations

from nws.client import NetWorkSpace
from nws.errors import NwsDeclarationFailedException

__all__ = ["declare_anew"]


def declare_anew(workspace: NetWorkSpace, variable: str, mode: str) -> None:
    """Declare a variable. One of another mode is not the sleigh's: it is deleted with its values.

    Raises:
        NwsException: the server or the workspace is gone.
    """
    try:
        workspace.declare(variable, mode)
    except NwsDeclarationFailedException:
        workspace.deleteVar(variable)
        workspace.declare(variable, mode)
