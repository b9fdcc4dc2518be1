"""A clock for other programs that their driver sets forward: libfaketime between them and the machine's.

It flows as the machine's does and is set forward by an offset, wall clock and monotonic clock alike, so that timers,
time-outs and leases of the programs follow it. Needs Debian's `faketime`.
"""

import time
from pathlib import Path

LIBRARY = "/usr/lib"
NAME = "*/faketime/libfaketimeMT.so.1"
ENVIRONMENT = ("FAKETIME_TIMESTAMP_FILE", "FAKETIME_NO_CACHE", "NO_FAKE_STAT")
"""What a program that empties its environment, as nginx does, has to keep for the clock to go on."""


class RecordedClock:
    """The clock in a file of `directory`, first at `start` (seconds since 1970). It never goes back."""

    def __init__(self, directory: Path, start: float) -> None:
        self._file = directory / "clock"
        self._next = directory / "clock.next"
        self._offset = start - time.time()
        self._write()

    def now(self) -> float:
        """Return what the programs see."""
        return time.time() + self._offset

    def reach(self, at: float) -> None:
        """Set the clock forward to `at`, if it is not there yet."""
        ahead = at - self.now()
        if ahead > 0:
            self._offset += ahead
            self._write()

    def _write(self) -> None:
        self._next.write_text(f"{self._offset:+.3f}\n")
        self._next.replace(self._file)  # a program reads the file whenever it looks at its clock

    def command(self, command: list[str]) -> list[str]:
        """Return the command of a program that lives by this clock, as do those that it starts."""
        library = next(Path(LIBRARY).glob(NAME), None)
        if library is None:
            raise SystemExit("libfaketime is missing: apt-get install faketime")
        preload = f"LD_PRELOAD={library}"
        values = (str(self._file), "1", "1")
        told = [f"{name}={value}" for name, value in zip(ENVIRONMENT, values, strict=True)]
        return ["env", *told, preload, *command]
