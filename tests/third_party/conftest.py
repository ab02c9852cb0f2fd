"""Lets the example's own tests run in the project's test run, where it is not installed."""

import sys
from pathlib import Path

# Importable, but without an entry point: an installed example would show up on every board.
sys.path.insert(0, str(Path(__file__).parent))
