"""One module per command; `monitor.cli.main` names them and loads the one that was asked for."""
