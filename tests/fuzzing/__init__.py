"""A mutation fuzzer over every reader: `python -m tests.fuzzing`, or `make fuzz`.

Each case is a small archive of one layout, spoilt by seed, and read in another process under limits of
memory and time. It must give a data set, or an error of `poseda_cli.errors` that a user can read.
"""
