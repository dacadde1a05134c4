"""The worker: a process that leases tasks, runs their elements and settles the results."""
