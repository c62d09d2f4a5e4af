"""The program of the Prefect server: the `prefect` command, with few garbage collections while the server is imported.

By default they take a quarter of the server's start. This file imports no module of Headgate, whose folder may not be on the import path.
"""

import gc
import importlib
import runpy


def main() -> None:
    """Import the server, exclude its modules from later collections, and run the command in `sys.argv`."""
    gc.set_threshold(10_000, 1_000, 1_000)
    importlib.import_module("prefect.server.api.server")
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
