"""The forecaster's jobs: what starts a run, what it reads, computes and publishes, and how it is verified.

Only here (and in `forecasting.store`) does forecasting touch a database or a topic. The computing itself is a pure
function of stored inputs, so any run can be recomputed from what it kept.
"""
