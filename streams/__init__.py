"""The way of the observations: vocabulary, envelope, gateways, Faust application, store, replay, simulator.

What a partner saw enters here and is kept with its three times. No forecast is made here and nothing is
shown to a reader: `streams` imports `infra` only.
"""
