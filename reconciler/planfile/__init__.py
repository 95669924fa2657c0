"""Plans as files: their format and its schema, writing one whole or not at all, reading one strictly."""
