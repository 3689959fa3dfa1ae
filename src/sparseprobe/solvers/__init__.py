"""Numerical cores: logistic regressions of every kind, and the exact choice of k columns."""
