"""What takes long to import, for the server that daemons are forked from."""

import monitor.cli.commands.backfill
import monitor.cli.commands.export
import monitor.cli.commands.run
import monitor.daemon.session
import monitor.export.write  # noqa: F401
