"""The sidecar as it is, but linking only every so many seconds: for a world of days that is played in minutes.

    python -m benchmarks.recorded_sidecar 900 serve --state :memory:

A live one links every 20 seconds, too long to wait for on a recorded clock; a replay links every 900.
"""

import sys

from reputation.commands.cli import main
from reputation.linking import exchange, live

if __name__ == "__main__":
    live.EPOCH_EVERY = float(sys.argv.pop(1))
    exchange.SHARE_OF_CORE = 1.0  # an epoch's duration by a clock that is set forward meanwhile says nothing
    exchange.SILENT = float("inf")  # nor does the time since the linker's last sign of life
    main()
