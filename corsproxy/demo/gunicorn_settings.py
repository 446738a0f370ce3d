"""How gunicorn serves the demonstration's backend; a file, because it may name settings that an older gunicorn lacks."""

worker_class = "gthread"
threads = 24  # an open event stream holds one
workers = 1  # the witness remembers in memory
graceful_timeout = 1
loglevel = "error"
control_socket_disable = True  # it would leave a socket file behind
