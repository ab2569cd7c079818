"""The base of what payloads are made of."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    model_config = ConfigDict(from_attributes=True, extra="ignore")
