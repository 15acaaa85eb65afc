"""Benchmarks: `make bench`, or `make bench SIZE=small`.

Every figure is a ratio against a baseline that runs in the same process tree at the same time, because
machines are noisy; medians over repeats. Nothing here asserts a speed. The plain formula is checked to
give what the tool gives before it is timed.
"""
