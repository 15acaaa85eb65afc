"""Containers: npz that runs no code, HDF5 that stays in its file, output folders that appear whole."""
