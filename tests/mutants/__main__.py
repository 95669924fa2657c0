"""Make one mistake, named on the command line, in this process, and run the test that has to notice it."""

from __future__ import annotations

import sys

import pytest

from tests.mutants.broken import MISTAKES

if __name__ == "__main__":
    mistake = MISTAKES[sys.argv[1]]
    mistake.make()
    quick = ["-q", "-x", "--tb=line", "-p", "no:cacheprovider", "-p", "no:xdist", "-o", "addopts="]
    sys.exit(pytest.main([*quick, mistake.test]))
