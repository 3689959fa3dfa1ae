"""Runs: one folder with everything, what was asked of it, and the catalogue of what can be asked."""
