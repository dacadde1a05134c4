"""The babelfish: a program that turns stored values into text for people.

It is a client like any other. The server's web page gives it values and shows what comes back; see
docs/operations.md. It is a process of its own because reading a pickle can run code, take all
memory, or never end.
"""
