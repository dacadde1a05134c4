"""Jobs on nodes: other machines, or other ports of this one.

Teaches: start a node with `PP_SECRET=... nws ppserver -p 35000` on each machine; name the nodes;
wait for them, as they are connected to in the background; see what each has done.
    PP_SECRET=... python examples/pp_cluster.py node-1:35000 node-2:35000
"""

import platform
import sys

from nws import pp


def where(number: int) -> tuple[int, str]:
    """Return a number and the machine that this runs on."""
    return number, platform.node()


ppservers = tuple(sys.argv[1:])
# The secret is that of the variable PP_SECRET. With 0 workers here all jobs run on the nodes.
job_server = pp.Server(0, ppservers=ppservers)
job_server.wait_for_nodes(len(ppservers), 10)
for node, workers in job_server.get_active_nodes().items():
    print(node, "has", workers, "workers")

jobs = [job_server.submit(where, (number,), (), ("platform",)) for number in range(10)]
for job in jobs:
    number, machine = job()
    print("job", number, "ran on", machine)
job_server.print_stats()
