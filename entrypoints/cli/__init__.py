"""The `headgate` command. PYTHONPATH is ignored before the first package is imported that it could hide."""

from entrypoints.process.import_path import ignore_python_path

ignore_python_path()
