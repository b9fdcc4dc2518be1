from .middleware import VERDICT, headcount_middleware

__all__ = ["VERDICT", "headcount_middleware"]
