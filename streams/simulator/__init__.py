"""The simulator: a territory with named partners, epidemics underneath, and a truth to test the engine against.

`scenario.scenario` names a world, `simulation.simulate` makes a period of it (truth and individual envelopes),
`history.history_counts` tells the same world as count reports, and `meteo simulate` streams it. Nothing here is real:
every envelope is marked `simulated`, and partners and their numbers are invented.
"""
