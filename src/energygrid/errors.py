"""The kinds of error the domain raises.

Each carries a stable `code` (part of the public contract, upper snake case), a sentence for people and the facts behind
it. The domain knows nothing of HTTP: each surface has one renderer that turns a kind into its own format.
"""


class DomainError(Exception):
    """Base of the kinds; never raised itself."""

    def __init__(self, code: str, message: str, **facts: object) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.facts = facts

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.code}: {self.message})"


class NotFound(DomainError):
    """There is no such thing, or it is not the caller's: the two look the same from outside."""


class Unauthenticated(DomainError):
    """Nobody vouched for the caller."""


class Denied(DomainError):
    """The caller is known and may not do this."""


class Conflict(DomainError):
    """The request is fine; the present state forbids it."""


class Invalid(DomainError):
    """What came in breaks a rule of its format."""


class _RetryLater(DomainError):
    """`retry_after` is in seconds."""

    def __init__(self, code: str, message: str, *, retry_after: int = 30, **facts: object) -> None:
        super().__init__(code, message, **facts)
        self.retry_after = retry_after


class Unavailable(_RetryLater):
    """Something we depend on does not answer."""


class Throttled(_RetryLater):
    """The caller asked too often."""
