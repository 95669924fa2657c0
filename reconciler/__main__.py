"""`python -m reconciler`.

Python has put the folder that one stands in before everything else that it imports from. It is taken out, so
that no file there passes for a library. `reconciler` itself, which needs no such care, is the better way in.
"""

import os
import sys

if __name__ == "__main__":
    if not sys.flags.safe_path and sys.path[:1] == [os.getcwd()]:  # noqa: PTH109  # before anything is imported
        del sys.path[0]

    from reconciler.cli import main

    raise SystemExit(main())
