"""Synthetic people before the real cameras: archives that may be shipped, in the real layouts."""
