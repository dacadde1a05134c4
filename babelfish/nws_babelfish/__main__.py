"""Run a babelfish in the foreground: `python -m nws_babelfish`."""

from nws_babelfish.cli import pybabelfish

if __name__ == "__main__":
    pybabelfish(prog_name="python -m nws_babelfish")
