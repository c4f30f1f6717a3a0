"""What arrived, and what left."""
