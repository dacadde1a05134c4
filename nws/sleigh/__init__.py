"""Sleigh: a parallel map whose tasks and results are values in a workspace."""
