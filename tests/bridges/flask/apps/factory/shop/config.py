class Config:
    SECRET_KEY = "not for this file"
    ALLOWED_ORIGINS = ["https://shop.example.com"]


class DevelopmentConfig(Config):
    DEBUG = True
    ALLOWED_ORIGINS = Config.ALLOWED_ORIGINS + ["http://localhost:8080"]


class ProductionConfig(Config):
    ALLOWED_ORIGINS = ["https://shop.example.com", "https://admin.example.com"]


config = {"development": DevelopmentConfig, "production": ProductionConfig, "default": DevelopmentConfig}
