"""An example plugin for hyperbench: two worlds, and ridge regression to control them."""
