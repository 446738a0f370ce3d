"""The one CORS rule that every peer is configured with, in the words each of them needs."""

ORIGIN = "https://app.example.com"
FOREIGN_ORIGIN = "https://evil.example"
HOST = "api.example.com"

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
HEADERS = ("Authorization", "Content-Type", "X-Requested-With")
EXPOSED = ("X-Total-Count",)
MAX_AGE = 600

# What a backend may have sent of its own and a proxy that owns CORS must not let through.
BACKEND_FIELDS = (
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Credentials",
    "Access-Control-Allow-Methods",
    "Access-Control-Allow-Headers",
    "Access-Control-Expose-Headers",
    "Access-Control-Max-Age",
)

PREFLIGHT_VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"

# The fields of a preflight's answer and of an actual response, for peers that take them as they are.
PREFLIGHT_FIELDS = (
    ("Access-Control-Allow-Origin", ORIGIN),
    ("Access-Control-Allow-Credentials", "true"),
    ("Access-Control-Allow-Methods", ", ".join(METHODS)),
    ("Access-Control-Allow-Headers", ", ".join(HEADERS)),
    ("Access-Control-Max-Age", str(MAX_AGE)),
    ("Vary", PREFLIGHT_VARY),
)
ACTUAL_FIELDS = (
    ("Access-Control-Allow-Origin", ORIGIN),
    ("Access-Control-Allow-Credentials", "true"),
    ("Access-Control-Expose-Headers", ", ".join(EXPOSED)),
)
