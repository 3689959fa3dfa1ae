"""What is lost when things go wrong: `make faults` tries it, and `tests/faults/` a small share of it."""
