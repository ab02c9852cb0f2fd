"""Meta-World's tasks with hidden goals and turned control frames."""
