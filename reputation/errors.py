"""Errors, split by whose fault they are, each with the status to answer and where the fault is."""


class Problem(Exception):
    """Something that ends in a problem document (RFC 9457): status, title, detail and a JSON pointer."""

    status = 500
    title = "Internal error"

    def __init__(self, detail: str, pointer: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.pointer = pointer


class BadRequest(Problem):
    """The caller sent something that cannot be read."""

    status = 400
    title = "Bad request"


class Invalid(Problem):
    """The caller sent a well-formed body with a value that cannot be."""

    status = 422
    title = "Invalid value"


class NotAuthenticated(Problem):
    status = 401
    title = "A token is needed"


class NotAllowed(Problem):
    status = 403
    title = "Not allowed"


class NotFound(Problem):
    status = 404
    title = "Not found"


class Conflict(Problem):
    status = 409
    title = "Conflict"


class TooLarge(Problem):
    status = 413
    title = "Too large"


class Unavailable(Problem):
    """The state is away and the tenant chose `closed`, or the sidecar is draining."""

    status = 503
    title = "Unavailable"


class ConfigError(Exception):
    """The operator's configuration is wrong; the message names file, line, key and the mend."""


class SettingError(ConfigError):
    """A setting that is well-formed and cannot work; `path` are the keys to it, for whoever knows their lines."""

    def __init__(self, path: tuple[str, ...], message: str) -> None:
        super().__init__(f"{'.'.join(path)}: {message}")
        self.path = path
