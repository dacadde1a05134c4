"""The inspector: web pages, and the same data as JSON, about what the server holds.

It runs in the server's process. What it reads is bounded: at most a page of values, and figures are
cached for a time in proportion to what they cost (`cost_cache`). So looking does not slow down the
space.

From the socket inwards: `site` answers HTTP requests that pass the `request_checks`; `routes` maps
addresses to `pages`; each page is a function that returns plain data, which `rendering` turns into
HTML and `to_json` into JSON; `live` sends updates to browsers. `actions` change the space, as a
client inside the process (`local_client`).
"""
