from .adapter import answer, read

__all__ = ["answer", "read"]
