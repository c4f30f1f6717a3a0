"""The drivers that come with dockd, one file or folder per kind of camera."""
