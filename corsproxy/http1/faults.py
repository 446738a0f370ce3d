"""What can be wrong with a message, as exceptions that carry their own answer.

    BadMessage
    ├── BadRequest    the client broke a rule: `status` is what it gets
    └── BadResponse   the backend broke one: always a 502 to the client

`detail` is for people: it names the rule and never repeats a field's value, which may be a secret.
"""

__all__ = ["BadMessage", "BadRequest", "BadResponse"]


class BadMessage(Exception):  # noqa: N818 -- what is bad is the message
    """A message that must not be forwarded."""

    def __init__(self, detail: str, status: int) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status


class BadRequest(BadMessage):
    """A request that the client must not have sent; its connection is closed after the answer."""

    def __init__(self, detail: str, status: int = 400) -> None:
        super().__init__(detail, status)


class BadResponse(BadMessage):
    """A response that the backend must not have sent; its connection is closed."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, 502)
