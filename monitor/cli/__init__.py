"""The command line: parses, calls one function below, writes data to stdout and everything else to stderr.

May import every other room, but only inside a command's own module, which is loaded when that command runs: `monitor
--help` must not load web3, polars, aiohttp or textual. Exit codes are mapped here and nowhere else.
"""
