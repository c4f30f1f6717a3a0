"""dockd takes in the recordings of body-worn cameras: proven, sealed, placed, registered, and only then cleared."""
