"""One session with a server: its connections, and the operations that go over them."""
