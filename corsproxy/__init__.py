"""corsproxy: the sidecar that speaks CORS for a backend you do not change.

The folders are floors, and imports go down only (tests/test_architecture.py keeps it so):

    cli      6  one small module a command; the only sys.exit and asyncio.run
    demo     6  the sample backend and the page on another origin
    service  6  the running of it: workers, reload, drain, and the admin beside them
    admin    5  aiohttp.web on a listener of its own: health, metrics, status, and the page
    bridges  5  into and out of other tools: what browsers record and print, Flask-CORS in sources, live URLs
    observe  5  what becomes of the account of an exchange: log lines and counters
    proxy    4  the only code that touches proxied sockets
    config   3  YAML text in; frozen Settings, or every Problem with its place, out
    cors     2  the Fetch standard, pure: origins, paths, rules, decisions
    http1    2  RFC 9110/9112 for one hop, pure: heads, framing, forwarding, replies

`cors` and `http1` do no I/O, read no clock, log nothing and know nothing of each other.
"""

__version__ = "0.1.0"
