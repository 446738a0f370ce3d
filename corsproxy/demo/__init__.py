"""The demonstration: a Flask app without CORS code, the proxy in front of it, a page on another origin.

`corsproxy demo` (in cli) starts the three as processes; `backend` is the app, `page/` what the browser
shows, `server` what serves the page, `stage` what starts and stops everything.
"""
