"""Factors of large numbers: jobs on a cluster, controlled by XML-RPC, as from any language.

Teaches: load_code registers a command with a label, exec_code submits jobs of it, pickup returns
what they wrote; a job may ask for a group of hosts; what fails says so with its exit status.
    python examples/factors.py [CONFIG]
CONFIG describes the cluster; by default it is examples/cluster.toml.
"""

import sys
from typing import Any
from xmlrpc.client import ServerProxy

from nws.depalma import master_server

FACTOR = """
import sys
number, factor, factors = int(sys.argv[1]), 2, []
while number > 1:
    while number % factor == 0:
        number //= factor
        factors.append(factor)
    factor += 1
print(*factors)
"""


def main(config: str = "examples/cluster.toml") -> None:
    with master_server(config) as server:
        cluster: Any = ServerProxy(server.address)
        print("hosts:", cluster.init_server())
        command = [sys.executable, "-c", FACTOR]
        cluster.load_code(command, {"label": "factor", "pickup": True, "timeout": 60})

        numbers = [2**4 * 3**2, 1009 * 9973, "many"]
        jobs = [(number, cluster.exec_code("factor", [number])) for number in numbers]
        large = 999_983 * 5
        jobs.append((large, cluster.exec_code("factor", [large], {"groups": ["patient"]})))

        for number, pid in jobs:
            while not cluster.finished(pid, 10):  # waits for up to 10 seconds
                print("still at", number)
            outcome = cluster.pickup(pid)
            if outcome["status"] == 0:
                print(f"{number} = {outcome['stdout'].data.decode().strip().replace(' ', ' * ')}")
            else:
                said = outcome["stderr"].data.decode().splitlines()[-1]
                print(f"{number}: exit status {outcome['status']}, {said}")
        cluster("close")()


if __name__ == "__main__":
    main(*sys.argv[1:])
