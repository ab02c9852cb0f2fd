"""An example plugin for hyperbench: a thermostat to control, and ridge regression to control it."""
