"""What a user's program imports: the client of a NetWorkSpaces server and the parallel map Sleigh.

Nothing here may import Twisted, Jinja2 or `nws_server`: importing `nws` is on the path of every
program and of every worker.
"""

from nws.version import __version__

__all__ = ["__version__"]
