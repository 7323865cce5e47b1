"""The sandbox's third party and the household that shares everything with it."""

from energygrid.greenbutton.sandbox.third_party import (
    CUSTOMER_USER,
    DEVELOPER_USER,
    NARROW_SCOPE,
    SCOPE,
    STAFF_USER,
    THIRD_PARTY,
    SandboxKeys,
    is_loaded,
    keys,
    load,
)

__all__ = [
    "CUSTOMER_USER",
    "DEVELOPER_USER",
    "NARROW_SCOPE",
    "SCOPE",
    "STAFF_USER",
    "THIRD_PARTY",
    "SandboxKeys",
    "is_loaded",
    "keys",
    "load",
]
