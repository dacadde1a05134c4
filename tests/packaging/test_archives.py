"""The wheel and the source archive hold what the tree holds: nothing forgotten, nothing more."""

from tests.packaging.conftest import PACKAGE_FOLDERS, Archives, files_below


def _top(name: str) -> str:
    return name.partition("/")[0]


def _metadata(name: str) -> bool:
    return _top(name).endswith(".dist-info")


def test_wheel_holds_exactly_the_files_of_the_packages(archives: Archives) -> None:
    expected = {
        f"{place}/{name}"
        for folder, place in PACKAGE_FOLDERS.items()
        for name in files_below(archives.tree / folder)
    }
    shipped = {name for name in archives.wheel_files if not _metadata(name)}

    forgotten = sorted(expected - shipped)
    assert not forgotten, (
        f"not in the wheel; see packages and package_data in setup.cfg: {forgotten}"
    )
    assert sorted(shipped - expected) == []


def test_every_package_says_that_it_is_typed(archives: Archives) -> None:
    markers = {name for name in archives.wheel_files if name.endswith("/py.typed")}
    assert markers == {"nws/py.typed", "nws_server/py.typed", "nws_babelfish/py.typed"}


def test_wheel_takes_no_name_that_belongs_to_others(archives: Archives) -> None:
    # Top-level `server` and `babelfish` would overwrite other people's packages in site-packages.
    tops = {_top(name) for name in archives.wheel_files if not _metadata(name)}
    assert tops == {"nws", "nws_server", "nws_babelfish", "twisted"}


def test_wheel_puts_only_the_plugin_into_twisted(archives: Archives) -> None:
    # An __init__.py here would overwrite Twisted's own.
    in_twisted = {name for name in archives.wheel_files if name.startswith("twisted/")}
    assert in_twisted == {"twisted/plugins/nws_plugin.py"}


def test_wheel_carries_the_license(archives: Archives) -> None:
    assert [name for name in archives.wheel_files if _metadata(name) and "LICENSE" in name]


def test_sdist_holds_all_that_its_own_tests_need(archives: Archives) -> None:
    forgotten = sorted(files_below(archives.tree) - archives.sdist_files)
    assert not forgotten, f"not in the source archive; see MANIFEST.in: {forgotten}"
    assert {"LICENSE", "nws.tac", "setup.cfg", "tests/packaging/test_archives.py"} <= (
        archives.sdist_files
    )
