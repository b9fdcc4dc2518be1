from .middleware import HeadcountMiddleware

__all__ = ["HeadcountMiddleware"]
