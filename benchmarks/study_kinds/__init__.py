"""What the studies of `benchmarks/studies.py` train, measure, and draw."""
