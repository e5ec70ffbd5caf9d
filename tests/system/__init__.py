"""Tests of the whole product: end to end, deployments, upgrades, clients."""
