"""The portal, below /portal."""

from fastapi import FastAPI

from energygrid.surfaces.common.deps import Services


def create_app(services: Services) -> FastAPI:
    app = FastAPI(title="EnergyGrid portal", openapi_url=None, docs_url=None, redoc_url=None)
    app.state.services = services
    return app
