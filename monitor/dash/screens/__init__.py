"""The screens: `world` is what all share, `tables` and `overview` list, `detail` shows one thing, `modal` asks.

May import the dashboard's own modules and `views`. Screens hold no facts: they ask the app for the world it last read.
"""
