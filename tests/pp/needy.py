"""A module whose function needs a name that it does not have."""

from __future__ import annotations


def has_already() -> str:
    return "the module's"


def call_helper() -> tuple[str, str]:
    return globals_helper(), has_already()


def globals_helper() -> str:
    return helper()  # type: ignore[name-defined,no-any-return]  # noqa: F821 - comes by depfuncs
