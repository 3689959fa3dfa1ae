"""What ships to try everything on: models in `models/`, texts of our own in `texts/`."""
