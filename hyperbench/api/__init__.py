"""Python's door: what the command line does, by calls; ``hyperbench`` hands on its names."""
