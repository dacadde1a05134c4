"""Code that goes to the workers' machines with a sleigh: `Sleigh(ship=...)`."""

from __future__ import annotations

import io
import os
import sys
import zipfile
from collections.abc import Iterable, Mapping
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NoReturn

from nws.errors import SleighIllegalValueException

__all__ = ["shipment_of"]

_COMPILED: Final = (*EXTENSION_SUFFIXES, ".so", ".pyd", ".dll", ".dylib", ".pyc")
_OWN: Final = frozenset({"nws", "cloudpickle", "psutil"})
"""What workers have imported before they get anything."""

_LEFT_OUT: Final = ("__pycache__", ".")
"""Begin the names of files and folders in a package that are not sent."""


def shipment_of(ship: Iterable[str | os.PathLike[str]]) -> bytes | None:
    """Pack modules and packages into a zip archive; None if there are none.

    Args:
        ship: names of modules that can be imported here, or paths of files and folders.

    Raises:
        SleighIllegalValueException: one of them is not there, is empty, cannot be read, has a name
            that no module can have there, or holds compiled code.
    """
    if isinstance(ship, (str, bytes, os.PathLike)) or not isinstance(ship, Iterable):
        raise SleighIllegalValueException(f"ship={ship!r} is not a list; write [{ship!r}]")
    files: dict[str, Path] = {}
    for each in ship:
        paths = [_checked(path) for path in _found(each)]
        for path in paths:
            _check_name(path, files)
        for path in reversed(paths):  # as Python looks for the parts of a package: the first wins
            files.update(_files_of(path))
    return _archive(files) if files else None


def _found(each: str | os.PathLike[str]) -> list[Path]:
    """Return where it is: in several folders if it is a namespace package."""
    if not isinstance(each, (str, os.PathLike)):
        raise SleighIllegalValueException(f"ship: {each!r} is neither a name nor a path")
    name = os.fspath(each)
    if name and os.path.exists(name):
        return [Path(os.path.abspath(name))]  # by the name that a link has
    if name in sys.stdlib_module_names:
        raise SleighIllegalValueException(f"ship: workers have the module {name!r} already")
    try:
        spec = find_spec(name) if name.isidentifier() else None
    except (ImportError, ValueError):
        spec = None
    if spec is not None and spec.submodule_search_locations:
        return [Path(folder) for folder in spec.submodule_search_locations]
    if spec is not None and spec.has_location and spec.origin:
        return [Path(spec.origin)]
    raise SleighIllegalValueException(
        f"ship: {name!r} is neither a file or folder nor a module that can be imported here"
    )


def _check_name(path: Path, files: dict[str, Path]) -> None:
    """Refuse what workers could not import, or what would hide something from them."""
    name = path.name if path.is_dir() else path.stem
    if not name.isidentifier() or not (path.is_dir() or path.suffix == ".py"):
        raise SleighIllegalValueException(
            f"ship: {str(path)!r} is no module: it must be a file that ends with .py, or a folder, "
            "with a name that can be imported"
        )
    if name in sys.stdlib_module_names or name in _OWN:
        raise SleighIllegalValueException(
            f"ship: {str(path)!r} would hide the module {name!r} that workers use themselves; "
            "rename it"
        )
    if any(Path(other).parts[0] in (name, f"{name}.py") for other in files):
        raise SleighIllegalValueException(f"ship: there are two modules of the name {name!r}")


def _files_of(path: Path) -> dict[str, Path]:
    """Return the files of a module by their names in the archive. Links are followed."""
    if not path.is_dir():
        return {path.name: path}
    files: dict[str, Path] = {}
    for place, folders, names in os.walk(path, onerror=_refuse, followlinks=True):
        folder = Path(place)
        folders[:] = [each for each in folders if not _is_left_out(folder / each)]
        for name in names:
            if not _is_left_out(folder / name):
                file = _checked(folder / name)
                files[file.relative_to(path.parent).as_posix()] = file
    if not files:
        raise SleighIllegalValueException(f"ship: {str(path)!r} has no files")
    return files


def _refuse(error: OSError) -> NoReturn:
    raise SleighIllegalValueException(f"ship: {error}") from error


def _is_left_out(path: Path) -> bool:
    """Tell whether a file or folder in a package is not sent: byte code beside its module, a link
    to a folder in which it is itself, and what begins so."""
    if path.name.startswith(_LEFT_OUT):
        return True
    if path.suffix == ".pyc":
        return path.with_suffix(".py").exists()
    return path.is_symlink() and path.resolve() in map(Path.resolve, path.parents)


def _checked(file: Path) -> Path:
    if file.name.endswith(_COMPILED):
        raise SleighIllegalValueException(
            f"ship: {str(file)!r} is compiled, for this machine and this Python; install the "
            "package on the workers' machines"
        )
    return file


def _archive(files: Mapping[str, Path]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        for name, file in sorted(files.items()):
            if not file.is_file():  # a pipe would never end
                raise SleighIllegalValueException(f"ship: {str(file)!r} is no file")
            try:
                archive.write(file, name)
            except (OSError, UnicodeEncodeError) as error:
                raise SleighIllegalValueException(
                    f"ship: {str(file)!r} cannot be sent: {error}"
                ) from error
    return packed.getvalue()
