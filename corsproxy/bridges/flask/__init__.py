"""From Flask-CORS to rules: a project's sources are read, never run, and become a configuration and a report.

sources      the files of a project; its variables are in `environment`, the version it pins in `pinned`
values       what expressions come to; expressions, library, choices and statements work them out
framework    what Flask and Flask-CORS do when they are called; routing, settings, objects
options      Flask-CORS's options with its defaults
patterns     regular expressions taken apart; origins, paths: what they become here
policies     options as the keys of a rule; serving, layers, rules: which policy is for which path
document     the YAML; asking, proving: what the loader says of it; remarks; importing: the whole way
"""
