"""Optimal sparse probing: exact selection of k columns with a proof, for three losses."""

from sparseprobe.solvers.optimal.optimal_sparse_probe import OptimalSupport, optimal_path, optimal_support

__all__ = ["OptimalSupport", "optimal_path", "optimal_support"]
