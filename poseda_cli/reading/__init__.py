"""What the readers of several layouts share: columns being filled, names, pairing of 3D with 2D, side files."""
