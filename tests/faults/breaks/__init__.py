"""The faults, a module for each thing that breaks; `tests.faults.faults` lists all."""
