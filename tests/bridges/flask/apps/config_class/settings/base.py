SCHEME = "https"
DOMAIN = "example.com"
FRONTENDS = ("app", "www")


class Base:
    CORS_ORIGINS = [f"{SCHEME}://{name}.{DOMAIN}" for name in FRONTENDS]
    CORS_METHODS = ["GET", "HEAD", "POST", "PUT"]
    CORS_ALLOW_HEADERS = "Authorization"
    CORS_EXPOSE_HEADERS = ["X-Total-Count", "ETag"]
    CORS_MAX_AGE = 60 * 10
    CORS_VARY_HEADER = False


class Production(Base):
    CORS_SUPPORTS_CREDENTIALS = True
    CORS_RESOURCES = r"/api/.*"
