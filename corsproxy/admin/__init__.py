"""The admin listener: health, metrics and status, by aiohttp.web on an address of its own."""
