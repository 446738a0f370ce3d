"""From Flask-CORS to rules: a project's sources are read, never run, and become a configuration and a report.

sources      the files of a project; its .env files and the environment are in `environment`
values       what expressions come to; expressions, library, calls, statements work them out
framework    what Flask and Flask-CORS do when they are called
options      Flask-CORS's options with its defaults
patterns     regular expressions taken apart; origins, resources: what they become here
policies     options as the keys of a rule; rules: which policy is for which path, in order
document     the YAML; importing: the whole way
"""
