"""Read a feature from chosen neurons: scaling, scores with intervals, and controls."""
