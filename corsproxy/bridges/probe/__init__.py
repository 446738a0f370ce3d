"""A browser's side of CORS, played toward a live server: what a page could read of it, and why not.

Everything but `client` is pure: it says what to send, is given what came, and judges it with the floor below.
"""
