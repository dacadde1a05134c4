"""Hello: two programs that know nothing of each other but the name of a variable.

Teaches: find leaves a value there, fetch takes it away, and fetchTry does not wait for one.
Run it with a server (`nws server start`):  python examples/hello.py [host [port]]
"""

import sys

from nws.client import NetWorkSpace


def main(host: str = "localhost", port: str = "8765") -> None:
    with (
        NetWorkSpace("hello", host, int(port)) as alice,
        NetWorkSpace("hello", host, int(port)) as bob,
    ):
        alice.store("greeting", "Hello, world!")
        print("find leaves the value there:", bob.find("greeting"))
        print("fetch takes it away:        ", bob.fetch("greeting"))
        print("fetchTry does not wait:     ", bob.fetchTry("greeting", "nothing there"))


if __name__ == "__main__":
    main(*sys.argv[1:])
