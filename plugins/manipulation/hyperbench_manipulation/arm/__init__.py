"""A cube and an arm: Lift and Pick with the four factors of the published manipulation setting."""
