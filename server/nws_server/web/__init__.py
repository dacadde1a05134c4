"""The inspector: web pages, and the same data as JSON, about what the server holds.

It lives in the server's process. What it reads is bounded: a page of values at most, and counts are
used again for a while that grows with what they cost. So looking does not slow down the space.

From the socket inwards: `site` speaks HTTP and keeps strangers out (`guard`); `pages` knows which
address shows what; each page is a function that makes plain data of what it sees, from which
`rendering` makes HTML and `site` JSON; `live` sends what has changed since. `actions` changes
things, as a client of the space inside the process (`local`).
"""
