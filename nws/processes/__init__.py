"""Processes of the system: in groups, with limits; what they use, write and leave behind."""
