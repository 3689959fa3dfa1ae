"""Runs: a folder with settings, data and tables, and the catalogue of experiments that a run can do."""
