"""A slave of MasterSlave whose tasks handle objects that do harm."""

from nws.masterslave import startSlaveProcess
from tests.support.deadly import handle as do_handle

__all__ = ["do_handle"]

if __name__ == "__main__":
    startSlaveProcess()
