"""Errors by cause: each has the status of the answer and the place of the fault."""


class Problem(Exception):
    """An error with a problem document (RFC 9457) as its answer: status, title, detail and a JSON pointer."""

    status = 500
    title = "Internal error"

    def __init__(self, detail: str, pointer: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.pointer = pointer


class BadRequest(Problem):
    """The request cannot be read."""

    status = 400
    title = "Bad request"


class Invalid(Problem):
    """The body is well-formed, but contains an invalid value."""

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
    """The state is unavailable and the tenant's on_state_loss is `closed`, or the sidecar is draining."""

    status = 503
    title = "Unavailable"


class ConfigError(Exception):
    """An error in the operator's configuration; the message names the file, the line, the key and the fix."""


class SettingError(ConfigError):
    """A well-formed setting that cannot work; `path` has the keys to it, so a caller can name its line."""

    def __init__(self, path: tuple[str, ...], message: str) -> None:
        super().__init__(f"{'.'.join(path)}: {message}")
        self.path = path
