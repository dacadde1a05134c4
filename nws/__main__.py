"""The program `nws`, also as ``python -m nws``, where the script is not in the path.

It imports nothing of ours before it can be interrupted: Ctrl-C ends it without a traceback while it
imports, too.
"""

import sys

_INTERRUPTED = 130
"""As `nws.cli.exit_status` has it, which may not be there yet."""


def run() -> None:
    """Run the command that the command line names, and end with its exit status."""
    try:
        from nws.cli import main

        main(prog_name="nws")
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


if __name__ == "__main__":
    run()
