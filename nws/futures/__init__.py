"""`concurrent.futures` over the workers of a sleigh.

::

    from nws.futures import SleighExecutor

    with SleighExecutor(max_workers=2) as executor:
        print(list(executor.map(abs, range(-10, 0))))

What differs from the standard library's ProcessPoolExecutor is in ``docs/executor.md``.
"""

from nws.futures.executor import SleighExecutor
from nws.futures.outcomes import BrokenSleighExecutor, CallLostError

__all__ = ["BrokenSleighExecutor", "CallLostError", "SleighExecutor"]
