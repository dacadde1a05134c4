"""The `nws` command, for people and their scripts. docs/cli.md says what it can do.

Each command, or small family of commands, has a module, which is imported only for it: so `nws`
starts quickly. What a command needs beside Click it imports when it runs.
"""

from nws.cli.program import main

__all__ = ["main"]
