"""`python -m dockd` is `dockd`; workers are started this way."""

from dockd.cli import main

if __name__ == "__main__":
    main()
