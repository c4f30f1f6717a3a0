"""What only root may do to a USB port or a disk, in a process of its own, and the way to ask for it."""
