"""Programs that others use for work of this kind, each in an environment of its own."""
