"""Arrays in, numbers out: class statistics, histograms, thresholds, scores, intervals, controls."""
