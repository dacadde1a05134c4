"""The NetWorkSpaces server.

`nws_server.core` holds the rules of workspaces and knows no network. Around it come, each on top
of the one before: one client's connection as bytes in and out, the Twisted edge, the service and
its `twistd` plugin. From `nws` this package may import the low layers only (errors, wire, version).
"""
