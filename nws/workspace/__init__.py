"""What a user's program calls: servers, workspaces, leases, iterators, files."""
