"""What the catalogue's events are made of, and the things that their examples are about."""

from pydantic import BaseModel, ConfigDict

SERVICE = "0192f0c1-7b00-7000-8000-000000000001"
OFFERING = "0192f0c1-7b00-7000-8000-000000000002"


class Part(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class ExternalIdData(Part):
    system: str
    id: str
