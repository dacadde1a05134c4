"""What a batch job runs: a supervisor, with the settings in a file of the sleigh's folder."""

from __future__ import annotations

import sys

from nws.sleigh.launch.job_folder import note_end, read_order
from nws.sleigh.launch.reachable import reachable_host
from nws.sleigh.supervisor.supervisor import main as supervise

__all__ = ["main", "run"]


def main() -> None:
    """Run workers until the sleigh is over.

    Its arguments are the path of the file, the index of this job and its name.
    """
    path, index, name = sys.argv[1:]
    status = run(path, int(index), name)
    note_end(path, int(index), status)
    sys.exit(status)


def run(path: str, index: int, name: str) -> int:
    """Run the workers of one supervisor until the sleigh is over.

    Args:
        path: of the file for all supervisors.
        index: of this one.
        name: that people have for what it runs in.

    Returns:
        The exit status.
    """
    try:
        order = read_order(path)
        where = order.settings.where
        host = reachable_host(order.hosts, where.port)
    except (OSError, ValueError) as error:
        print(f"nws: a worker cannot join: {error}", file=sys.stderr)
        return 1
    id, workers = order.jobs[index - order.first_index]
    return supervise(
        order.settings._replace(
            where=where._replace(host=host), id=id, workers=workers, neighbours=workers, job=name
        )
    )


if __name__ == "__main__":
    main()
