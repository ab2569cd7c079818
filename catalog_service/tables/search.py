"""What a process needs to keep its inverted index (`catalog_service.inverted_index`) up to date with the offerings."""

from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from catalog_service.tables.base import Base
from services.db.chassis_tables import RowNumber


class SearchDocument(Base):
    """An offering's number in the index, and when its words last changed: null in the transaction that changes them."""

    __tablename__ = "search_document"
    __table_args__ = ({"sqlite_autoincrement": True},)

    number: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    offering_id: Mapped[UUID] = mapped_column(ForeignKey("offering.id"), unique=True)
    generation: Mapped[int | None] = mapped_column(BigInteger, index=True)


class SearchGeneration(Base):
    """One row. Raised as the last thing of a transaction, whose lock it holds: so generations commit in order."""

    __tablename__ = "search_generation"

    id: Mapped[int] = mapped_column(primary_key=True)
    generation: Mapped[int] = mapped_column(BigInteger)
