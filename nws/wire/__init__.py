"""The protocol's bytes, in both directions and for both ends. No sockets, no Twisted."""
