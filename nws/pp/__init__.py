"""Parallel Python: the interface of pp 1.5.7, over a sleigh's workers.

::

    from nws import pp

    job_server = pp.Server()
    job = job_server.submit(pow, (2, 10))
    print(job())

Programs for pp run with this import line in place of theirs; ``docs/parallel-python.md`` says what
differs. A job is a call of its own (`nws.sleigh.Sleigh.submit`), so a job whose worker dies runs
again on another. A job that fails raises when its result is asked for.
"""

from nws.errors import SleighTaskException
from nws.pp.job import DestroyedServerError, Job
from nws.pp.server import Server
from nws.pp.statistics import NodeStatistics
from nws.pp.template import Template

__all__ = [
    "DestroyedServerError",
    "Job",
    "NodeStatistics",
    "Server",
    "SleighTaskException",
    "Template",
    "copyright",
    "version",
]

version = "1.5.7"
"""Of the interface."""

copyright = "Copyright (c) The NetWorkSpaces developers. The interface is that of Parallel Python."
