"""Benchmarks: `make bench`, or `make bench SIZE=small JSON=figures.json`.

Every figure is a ratio against a baseline that runs in the same minute in turns with it, because machines are noisy;
medians over repeats. Nothing here asserts a speed. The baselines are checked to compute what the tool computes
(tests/test_benchmarks.py, and the formulas before they are timed).

`python -m tests.benchmarks.profiling` says where the time of `poseda align` goes.
"""
