"""The inspector's pages, one a file: each is a function from a query to plain data."""
