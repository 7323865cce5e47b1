"""The Green Button surface, below /DataCustodian."""

from fastapi import FastAPI

from energygrid.surfaces.common.deps import Services


def create_app(services: Services) -> FastAPI:
    app = FastAPI(
        title="EnergyGrid Green Button",
        version="1.0.0",
        description="NAESB ESPI data custodian: usage and account data that customers share with third parties.",
        docs_url=None,
        redoc_url=None,
    )
    app.state.services = services
    return app
