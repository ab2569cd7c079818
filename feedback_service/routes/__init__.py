"""HTTP in, HTTP out: one module per capability."""

from typing import Annotated

from services.identity import Principal, Role, may

Anyone = Annotated[Principal, may(*Role)]
Owner = Annotated[Principal, may(Role.SERVICE_OWNER)]
