"""The babelfish: a program that translates stored values to text for people.

It is a client like any other. The server's web pages send it values and show the texts; see
docs/operations.md. It is a separate process because reading a pickle can run code, use all memory,
or never end.
"""
