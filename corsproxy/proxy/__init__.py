"""The only code that touches proxied sockets.

engine.py holds all together; downstream.py speaks to clients, upstream.py to the backend, pool.py says
which connection serves whom, exchange.py joins a request with its answer, tunnel.py takes over after a
101; forwarded.py says who the client is; faults.py who is to blame; record.py what is told of it.
"""
