"""The client for event loops: the same operations as coroutines, whatever the loop.

What differs between loops is in `nws.aio` and `nws.tx`.
"""
