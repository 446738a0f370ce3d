"""The running of it: sockets, engine or workers, admin, reload and drain put together.

serve.py is the life of a service from bind to exit; reload.py decides which configuration runs; alone.py
serves from this one process and crew.py from several, whose lives are crew.py's, whose own side is
worker.py, and who talk over control.py. What serves never imports what reads YAML: loading is a child's.
"""
