"""The NetWorkSpaces server.

`nws_server.core` holds the rules of workspaces and knows no network. Around it come, each on top
of the one before: the operations of requests, one client's connection as bytes in and out, the
Twisted edge, the service and its `twistd` plugin. `nws_server.web` is the inspector. Of `nws`
this package imports low layers only, which setup.cfg lists; `wire` is most of what they share.
"""
