"""One small module a command; the only floor that calls sys.exit and asyncio.run."""
