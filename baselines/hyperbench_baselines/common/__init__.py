"""What several methods share: configuration, data, layers, the fit loop."""
