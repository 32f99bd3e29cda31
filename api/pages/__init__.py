"""The page: what it shows (`view`), its charts as Vega-Lite (`charts`), its files (`assets`), its templates.

Everything is rendered on the server and readable without a script; the script draws the charts, follows the live
stream and exchanges the parts that changed.
"""
