"""What master, supervisor and worker have in common: messages, pickling, output, settings."""
