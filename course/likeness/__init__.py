"""Which students of a class handed in the same work, over all exercises together."""
