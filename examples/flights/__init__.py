"""Delays of the flights that left New York City in 2013, in five stages. `python -m examples.flights.run` runs them in a terminal."""
