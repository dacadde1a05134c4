"""Make `twistd nws` start the server.

This folder and the one above it must not have an `__init__.py`: Twisted collects the plugins of all
`twisted/plugins` folders on sys.path only if they are not packages of their own.
"""

from twisted.application.service import ServiceMaker

nws = ServiceMaker(
    "NetWorkSpaces server",
    "nws_server.tap",
    "NetWorkSpaces server",
    "nws",
)
