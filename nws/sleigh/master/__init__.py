"""The master: the process of the user's program, which submits tasks and collects results."""
