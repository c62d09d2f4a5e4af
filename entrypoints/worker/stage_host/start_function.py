"""The program that an interpreter runs that a stage names. It makes Headgate's few modules importable, and calls the stage's function.

Its arguments are two descriptors: of the pipe for the result, and of the file with the job. This file is valid in old versions of Python
too, so that they can say that they are too old. Standard library only.
"""

import os
import sys

if sys.version_info < (3, 8):  # noqa: UP036
    version = (sys.executable, sys.version_info[0], sys.version_info[1])
    text = '{"error": "%s is Python %d.%d: a stage needs Python 3.8 or newer."}' % version  # noqa: UP031
    os.write(int(sys.argv[1]), text.encode())
    sys.exit(1)
else:
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    search_path = [entry for entry in sys.path if entry != here]
    library = os.path.dirname(os.__file__)  # noqa: PTH120
    # Without PYTHONPATH, whose modules would hide those of the standard library from Headgate's modules.
    sys.path = search_path[search_path.index(library) :] if library in search_path else search_path
    for name, folder in (
        ("entrypoints", os.path.dirname(os.path.dirname(here))),  # noqa: PTH120
        ("entrypoints.worker", os.path.dirname(here)),  # noqa: PTH120
        ("entrypoints.worker.stage_host", here),
    ):
        # Empty packages stand in for the real ones, so that no other module of Headgate is run or found.
        sys.modules[name] = package = type(sys)(name)
        package.__path__ = [folder]
    from entrypoints.worker.stage_host.named_interpreter import main

    main(int(sys.argv[1]), int(sys.argv[2]), search_path)
