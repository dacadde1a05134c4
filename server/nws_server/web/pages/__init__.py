"""The inspector's pages: each a function from a query to plain data."""
