"""The errors core raises on purpose, and how each one reaches the caller."""

from __future__ import annotations

from typing import Any, ClassVar


class AppError(Exception):
    """Base of every deliberate error.

    A subclass is one situation. It fixes the HTTP status, a ``code`` that clients
    may compare (never translated, never reused) and a message template.
    The keyword arguments fill the template and travel to the client as ``details``,
    so they hold identifiers and limits, never secrets or personal data.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    message: ClassVar[str] = "Something went wrong on our side. Please try again."

    def __init__(self, **details: Any) -> None:
        self.details = details
        super().__init__(self.message.format_map(details))

    def as_problem(self, message: str | None = None) -> dict[str, Any]:
        """Return the JSON body; the same shape for every endpoint. *message*: translated."""
        return {"code": self.code, "message": message or str(self), "details": self.details}


class DriverError(Exception):
    """A driver could not do its work. ``retryable``: the same call may work later."""

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.retryable = retryable


class BadInput(AppError):
    """``field`` names what was wrong, ``problem`` says how; neither repeats the value."""

    status = 400
    code = "bad-input"
    message = "Please check “{field}”: {problem}"


class NotSignedIn(AppError):
    status = 401
    code = "not-signed-in"
    message = "Please sign in first."


class Refused(AppError):
    """A plugin said no in a ``demand`` hook. Plugins subclass this to say why."""

    status = 403
    code = "refused"
    message = "This is not allowed."


class Forbidden(AppError):
    status = 403
    code = "forbidden"
    message = "Your role does not allow this."


class BadOrigin(AppError):
    status = 403
    code = "bad-origin"
    message = "This request did not come from our own page. Reload the page and try again."


class NotFound(AppError):
    """Also the answer to an id of another tenant and to everything of a disabled plugin."""

    status = 404
    code = "not-found"
    message = "There is no such page or record."


class Conflict(AppError):
    status = 409
    code = "conflict"
    message = "Somebody else was faster. Reload to see the present state."


class LimitReached(AppError):
    status = 403
    code = "limit-reached"
    message = "Your plan allows {limit} of these. Ask an administrator for a larger plan."


class TooLarge(AppError):
    status = 413
    code = "too-large"
    message = "This is larger than the limit of {limit_mb} MB."


class TooMany(AppError):
    """``retry_s``: seconds after which trying again makes sense."""

    status = 429
    code = "too-many-requests"
    message = "Too many attempts. Please wait {retry_s} seconds."


class PluginBroken(AppError):
    """A plugin that guards something does not work, so the guarded thing is refused."""

    status = 503
    code = "plugin-broken"
    message = "The feature “{plugin}” is out of order. The operator has been told."


class UnknownPlugin(AppError):
    status = 404
    code = "unknown-plugin"
    message = "No plugin named {plugin} is installed."
