"""Which entries of the master's path are told to workers elsewhere."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np

from nws.sleigh.launch.module_path import own_entries

STDLIB = Path(json.__file__).parents[1]
SITE_PACKAGES = Path(np.__file__).parents[1]


def test_the_libraries_of_our_python_are_left_out() -> None:
    own = ["", "/some/folder", "/some/archive.zip", f"{STDLIB}-of-mine"]
    libraries = [STDLIB, STDLIB / "lib-dynload", SITE_PACKAGES, SITE_PACKAGES / "some.egg"]
    zipped = STDLIB.parent / f"python{sys.version_info.major}{sys.version_info.minor}.zip"
    path = [*own, *map(str, libraries), str(zipped)]
    assert own_entries(path) == [os.getcwd(), *own[1:]]
