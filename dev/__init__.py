"""What runs the product at home and in the tests; never part of a deployment."""
