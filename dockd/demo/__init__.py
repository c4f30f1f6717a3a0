"""`dockd demo`: the main job on a temporary site, watched and then checked from outside."""
