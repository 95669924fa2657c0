"""The verbs, one a file: each a short story that ends in an exit code."""
