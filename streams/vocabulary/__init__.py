"""The words of the house: signals, syndromes, places, partners and their agreements, age bands.

Everything that names what is observed, where and by whom is here once; other modules import the words.
"""
