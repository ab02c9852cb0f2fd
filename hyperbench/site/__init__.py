"""The static site: every committed board, each method's rows, and the documentation around them."""
