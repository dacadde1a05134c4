"""A reserved place: there is no babelfish yet.

The babelfish will turn stored values into readable text, in a process of its own, because reading
a pickle runs code. Nothing in this package does that so far.
"""
