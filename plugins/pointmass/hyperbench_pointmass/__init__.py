"""A point mass to drag to a goal: hyperbench's tutorial family, in numpy alone."""
