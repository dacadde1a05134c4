"""Looking at the machines of a sleigh: what they have, and how well they reach the server."""
