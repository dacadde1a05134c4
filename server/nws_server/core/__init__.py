"""The rules of a space: workspaces, variables, waiting clients and leases.

Pure data and plain method calls. No Twisted, no socket, no thread, no clock (the time is passed
in), no files and no database. From outside the core it may import `nws.errors` only.
"""
