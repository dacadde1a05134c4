"""Hypothesis tries the same examples in every run, and a slow machine fails no test."""

from hypothesis import settings

settings.register_profile("same every time", derandomize=True, deadline=None, database=None)
settings.load_profile("same every time")
