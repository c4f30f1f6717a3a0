"""One camera, from plug to green. `story.py` tells it; the other files do what it asks for."""
