"""Pickles by hand, for what no pickler writes."""

from __future__ import annotations

import pickle
import struct

STOP = pickle.STOP
PROTO = pickle.PROTO + b"\x05"


def name(module: str, name: str) -> bytes:
    """Push a class or function."""
    return pickle.GLOBAL + f"{module}\n{name}\n".encode()


def text(value: str) -> bytes:
    """Push a string."""
    data = value.encode()
    return pickle.BINUNICODE + struct.pack("<I", len(data)) + data


def number(value: int) -> bytes:
    """Push an integer of any size."""
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return pickle.LONG4 + struct.pack("<i", len(data)) + data


def row(*items: bytes) -> bytes:
    """Push a tuple."""
    return pickle.MARK + b"".join(items) + pickle.TUPLE


def table(**items: bytes) -> bytes:
    """Push a dict."""
    pairs = b"".join(text(key) + value for key, value in items.items())
    return pickle.EMPTY_DICT + pickle.MARK + pairs + pickle.SETITEMS


def call(function: bytes, *arguments: bytes) -> bytes:
    """Push what a call returns."""
    return function + row(*arguments) + pickle.REDUCE


def customer() -> bytes:
    """Return a pickle of an object of a class that is not here."""
    made = name("shop", "Customer") + row() + pickle.NEWOBJ
    return PROTO + made + table(name=text("Ann"), age=number(3)) + pickle.BUILD + STOP
