"""How fast the tool is, beside what is unavoidable and beside its peers: `python -m tests.benchmarks`."""
