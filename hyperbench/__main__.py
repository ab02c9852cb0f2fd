"""``python -m hyperbench``."""

from hyperbench.cli import main

main()
