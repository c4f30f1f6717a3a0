"""`python -m dockd` is `dockd`."""

from dockd.cli import main

if __name__ == "__main__":
    main()
