"""`dockd demo`: the main job on a temporary site, watched, explained, and then checked from outside."""
