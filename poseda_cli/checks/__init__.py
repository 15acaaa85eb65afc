"""Does the data mean what its layout says? Units, joint order, space, cameras; and its known defects."""
