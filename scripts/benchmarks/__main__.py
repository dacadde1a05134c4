"""Measure a server and a client of ours beside Redis and bare sockets, and print a table.

The rows "sleigh-..." measure the parallel map beside others, "faces..." the interfaces of other
systems beside these, and "fits..." what other programs use ours by: the executor, the backend of
joblib, and the client for asyncio. They are run when they are asked for: they first install those
others, which takes hundreds of megabytes. "sleigh" stands for all rows of the sleigh, "faces" and
"fits" for those of theirs.

Each line compares two things that took turns: the median time of each for one operation, and the
ratio of the two times, round by round, as median and range. The ratio is the speed-up of ours over
the other or, in "faces", over a limit; in the row "tls" the part of the speed without it; in the
rows "scale" and "inspector" the relative cost; in "sleigh-million" and for pages the part of a
limit. The bench starts and stops all processes that it needs.

With --other, this checkout is compared with another one of the project, in which scripts/setup was
run, for example of the parent commit; nothing else is then measured.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

from scripts.benchmarks import (
    aio,
    batches,
    cluster,
    depalma,
    fits,
    inspector,
    large,
    machine,
    masterslave,
    pingpong,
    report,
    scale,
    singles,
    sleigh,
    spooled,
    tls,
    versions,
)
from scripts.benchmarks.processes import CannotStartError
from scripts.benchmarks.rounds import Result


class Row(NamedTuple):
    """A group of comparisons."""

    about: str
    run: Callable[[int], Iterator[Result]]
    rounds: int
    quick_rounds: int


ROWS: Final = {
    "singles": Row(singles.ABOUT, singles.run, 40, 5),
    "pingpong": Row(pingpong.ABOUT, pingpong.run, 40, 5),
    "batches": Row(batches.ABOUT, batches.run, 40, 5),
    "large": Row(large.ABOUT, large.run, 20, 3),
    "tls": Row(tls.ABOUT, tls.run, 20, 3),
    "server-spooled": Row(spooled.ABOUT, spooled.run, 10, 2),
    "scale": Row(scale.ABOUT, scale.run, 20, 3),
    "cluster": Row(cluster.ABOUT, cluster.run, 5, 2),
    "inspector": Row(inspector.ABOUT, inspector.run, 6, 2),
    "fits-asyncio": Row(aio.ABOUT, aio.run, 40, 5),
    "faces-depalma": Row(depalma.ABOUT, depalma.run, 10, 3),
    "faces-pp": Row(fits.PP_ABOUT, fits.pp, 10, 2),
    "faces-masterslave": Row(masterslave.ABOUT, masterslave.run, 5, 2),
    "fits-executor": Row(fits.EXECUTOR_ABOUT, fits.executor, 10, 2),
    "fits-joblib": Row(fits.JOBLIB_ABOUT, fits.joblib, 10, 2),
    "sleigh-many": Row(sleigh.MANY_ABOUT, sleigh.many, 10, 2),
    "sleigh-single": Row(sleigh.SINGLE_ABOUT, sleigh.single, 10, 2),
    "sleigh-submit": Row(sleigh.SUBMIT_ABOUT, sleigh.submit, 10, 2),
    "sleigh-one": Row(sleigh.ONE_ABOUT, sleigh.one, 20, 3),
    "sleigh-large": Row(sleigh.LARGE_ABOUT, sleigh.large, 10, 2),
    "sleigh-start": Row(sleigh.START_ABOUT, sleigh.start, 5, 1),
    "sleigh-imap": Row(sleigh.IMAP_ABOUT, sleigh.imap, 3, 1),
    "sleigh-output": Row(sleigh.OUTPUT_ABOUT, sleigh.output, 5, 1),
    "sleigh-kept": Row(sleigh.KEPT_ABOUT, sleigh.kept, 5, 1),
    "sleigh-million": Row(sleigh.MILLION_ABOUT, sleigh.million, 3, 1),
}

SLEIGH: Final = "sleigh"
FACES: Final = "faces"
FITS: Final = "fits"
SLEIGH_ROWS: Final = [name for name in ROWS if name.startswith(SLEIGH)]
FACES_ROWS: Final = [name for name in ROWS if name.startswith(FACES)]
FITS_ROWS: Final = [name for name in ROWS if name.startswith(FITS)]
FAMILIES: Final = {SLEIGH: SLEIGH_ROWS, FACES: FACES_ROWS, FITS: FITS_ROWS}
PEER_ROWS: Final = [*SLEIGH_ROWS, *FACES_ROWS, *FITS_ROWS]
OTHER_ROWS: Final = [name for name in ROWS if name not in PEER_ROWS]


def main() -> int:
    """Run the rows that were asked for; return the exit status."""
    options = _options()
    if options.one_core:
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGHUP, _stop)
    try:
        rows = {name: ROWS[name] for name in options.rows}
        if options.other:
            run = partial(versions.run, options.other)
            rows = {"versions": Row(versions.ABOUT, run, 5, 1)}
        _run(rows, quick=options.quick, output=options.json)
    except KeyboardInterrupt:
        return 130
    except CannotStartError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _run(rows: Mapping[str, Row], *, quick: bool, output: Path | None) -> None:
    about = machine.describe(peers=not rows.keys().isdisjoint(PEER_ROWS))
    for part, text in about.items():
        print(f"{part + ':':<10}{text}")
    print(f"\n{report.head()}")
    results: dict[str, list[Result]] = {}
    for name, row in rows.items():
        print(f"\n{name}: {row.about}", flush=True)
        results[name] = []
        for result in row.run(row.quick_rounds if quick else row.rounds):
            results[name].append(result)
            print(report.line(result), flush=True)
        if not results[name]:
            print("left out: there is nothing here to compare it with")
    print(f"\n{report.summary(list(chain.from_iterable(results.values())))}")
    if output is not None:
        output.write_text(json.dumps(report.as_json(about, results), indent=1) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds: for a first look")
    if hasattr(os, "sched_setaffinity"):
        parser.add_argument(
            "--one-core", action="store_true", help="keep all processes on one core: steadier"
        )
    parser.set_defaults(one_core=False)
    choices = [*ROWS, *FAMILIES]
    parser.add_argument(
        "--rows",
        nargs="+",
        choices=choices,
        default=OTHER_ROWS,
        metavar="NAME",
        help=", ".join(choices),
    )
    parser.add_argument("--other", type=_checkout, metavar="FOLDER", help="of another checkout")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all times to a file")
    options = parser.parse_args()
    named = (FAMILIES.get(name, [name]) for name in options.rows)
    options.rows = list(dict.fromkeys(chain.from_iterable(named)))
    return options


def _checkout(name: str) -> Path:
    folder = Path(name).resolve()
    if not (folder / ".venv" / "bin" / "python").exists():
        raise argparse.ArgumentTypeError(f"there is no .venv in {folder}: run scripts/setup there")
    return folder


def _stop(signal_number: int, _: object) -> None:
    """End as on Ctrl-C, so that everything that was started is stopped."""
    raise SystemExit(128 + signal_number)


if __name__ == "__main__":
    sys.exit(main())
