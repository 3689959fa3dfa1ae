"""Numerical cores: logistic regressions of every kind, and the exact choice of k columns."""

from sparseprobe.solvers.optimal import OptimalSupport, optimal_path, optimal_support

__all__ = ["OptimalSupport", "optimal_path", "optimal_support"]
