"""Nodes: machines that wait for masters, and lend workers to those that know a secret."""
