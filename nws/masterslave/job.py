"""Master and slaves in one script."""

from __future__ import annotations

import sys
from pathlib import Path

from nws.masterslave.launched import SLAVE_LABEL, SlaveCode
from nws.masterslave.master import MasterProcess, check_slave_count
from nws.masterslave.process_registry import check_period
from nws.masterslave.slave import WATCHDOG_SECONDS, SlaveProcess

__all__ = ["runJob"]


def runJob(
    label: str,
    master_class: type[MasterProcess],
    slave_class: type[SlaveProcess],
    watchdog_period: float | None = WATCHDOG_SECONDS,
    launch_slaves: int = 0,
) -> None:
    """Run the master of a label; or be one of its slaves, if this program was launched as one.

    The master stores the program's text and its working folder, for slaves to come.

    Args:
        label: for slaves to find the master.
        master_class, slave_class: they are called with the label; the slave's with
            ``watchdog_period=`` as well.
        watchdog_period: see `SlaveProcess`.
        launch_slaves: how many slaves the master starts on its machine.

    Raises:
        TypeError: a class is no subclass of `MasterProcess` or `SlaveProcess`, or ``launch_slaves``
            is no whole number.
        ValueError: the period is neither seconds nor None, or the number of slaves is negative.
        KeyError: slaves are to be launched, but the program has no file, as at a prompt or in
            ``python -``.
        MasterSlaveException: as for `MasterProcess` and `SlaveProcess`.
    """
    check_period(watchdog_period)
    check_slave_count(launch_slaves, "launch_slaves")
    _check_class(master_class, MasterProcess)
    _check_class(slave_class, SlaveProcess)
    names = vars(sys.modules["__main__"])
    if names.get(SLAVE_LABEL) == label:
        slave_class(label, watchdog_period=watchdog_period).start()
        return
    master = master_class(label)
    try:
        file = names.get("__file__", "")  # "<stdin>" in `python -`
        if Path(file).is_file():
            master.store_slave_code(SlaveCode.of_file(file, sys.argv))
        if launch_slaves:
            master.launchSlaveJobs(launch_slaves)
    except BaseException:
        master.shutdown()
        raise
    master.start()


def _check_class(given: object, kind: type) -> None:
    if not isinstance(given, type) or not issubclass(given, kind):
        raise TypeError(f"{given!r} is no subclass of {kind.__name__}")
