"""The manipulation suite: Meta-World's Sawyer, and a cube on a Panda-like arm."""
