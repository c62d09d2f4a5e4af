"""Run the `headgate` command: `python -m entrypoints.cli`."""

from entrypoints.cli.app import main

if __name__ == "__main__":
    main()
