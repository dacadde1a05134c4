"""Makes the pickles of data frames beside this file, with the pandas that runs it.

They are kept, so that the tests need no pandas, and read what several versions have written:

    python make.py 3.0-arrow
"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np


def main(version: str) -> None:
    """Write the pickles of one version, protocol 5 and one of protocol 2."""
    folder = Path(__file__).parent
    frames = make_frames()
    for name, frame in frames.items():
        (folder / f"{version}-{name}.pickle").write_bytes(pickle.dumps(frame, protocol=5))
    (folder / f"{version}-old.pickle").write_bytes(pickle.dumps(frames["mixed"], protocol=2))


def make_frames() -> dict[str, Any]:
    """Return data frames with columns and indexes of all kinds that are read."""
    pd: Any = __import__("pandas")
    numbers = pd.DataFrame(np.arange(12.0).reshape(4, 3), columns=list("abc"))
    mixed = pd.DataFrame(
        {
            "city": ["Rome", "Oslo", "Lima"],
            "people": [2873000, 709037, np.nan],
            "coast": [False, True, True],
            "count": [1, 2, 3],
            "seen": pd.to_datetime(["2024-01-31 08:00:00", "2024-02-29 12:30:00", None]),
            "size": pd.Categorical(["big", "small", None]),
        }
    )
    nullable = pd.DataFrame(
        {
            "i": pd.array([1, None], dtype="Int64"),
            "s": pd.array(["x", None], dtype="string"),
            "b": pd.array([True, None], dtype="boolean"),
        }
    )
    times = pd.DataFrame(
        {
            "t": pd.to_datetime(["2024-01-01", "2024-06-01"]).tz_localize("Europe/Rome"),
            "d": pd.to_timedelta([1, 2], unit="h"),
            "p": pd.period_range("2024-01", periods=2, freq="M"),
        },
        index=pd.date_range("2024-01-01", periods=2, freq="D"),
    )
    levels = pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", "y"])
    return {
        "mixed": mixed,
        "nullable": nullable,
        "times": times,
        "levels": pd.DataFrame([[1, 2], [3, 4]], index=levels, columns=levels),
        "series": pd.Series([1.5, 2.5], index=["north", "hill"], name="mean"),
        "sliced": numbers.iloc[::2, 1:],
        "empty": numbers.iloc[:0],
    }


if __name__ == "__main__":
    main(sys.argv[1])
