"""The supervisor: a process on each machine that starts, watches and replaces workers."""
