"""One file for each feature collection of the paper."""
