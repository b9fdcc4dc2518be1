"""structlog without rich, which it imports to colour tracebacks: 4 MB of each sidecar, and 60 ms of its start."""

import sys

if "rich" in sys.modules:  # a command brought it
    import structlog
else:
    # Python's own way to say that there is no such module
    sys.modules["rich"] = None  # type: ignore[assignment]
    try:
        import structlog
    finally:
        del sys.modules["rich"]

__all__ = ["structlog"]
