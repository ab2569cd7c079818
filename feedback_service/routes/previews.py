"""Previews: what a text or a set of answers comes to, without keeping anything."""

from dataclasses import asdict

from feedback_service.domain import thread
from feedback_service.domain.effect import Effect, effect
from feedback_service.domain.scores import Score, score, tally
from feedback_service.routes import Anyone
from feedback_service.schemas import (
    EffectPreview,
    EffectPreviewCreate,
    ScorePreview,
    ScorePreviewCreate,
    SentimentPreviewCreate,
    SentimentPreviews,
    SentimentRead,
)
from feedback_service.sentiment_model import analyse_texts, model_version
from services.http import Api

router = Api(prefix="/v1", tags=["Previews"])


@router.post("/sentiment-previews", response_model=SentimentPreviews, summary="Sentiment of texts")
async def preview_sentiment(body: SentimentPreviewCreate, principal: Anyone) -> SentimentPreviews:
    """Label and score of each text, and of each aspect (price, speed, reliability, …) that it speaks of."""
    for index, text in enumerate(body.texts):
        thread.require_text(text, pointer=f"/texts/{index}")
    model = model_version()
    found = await analyse_texts(body.texts)
    return SentimentPreviews(items=[SentimentRead.model_validate(asdict(one) | {"model": model}) for one in found])


@router.post("/score-previews", response_model=ScorePreview, summary="Score of answers")
async def preview_score(body: ScorePreviewCreate, principal: Anyone) -> Score:
    """The score of a set of answers with n and its 95 % interval."""
    return score(body.kind, tally(body.kind, body.responses))


@router.post("/effect-previews", response_model=EffectPreview, summary="Effect between two sets of answers")
async def preview_effect(body: EffectPreviewCreate, principal: Anyone) -> Effect:
    """After − before with its 95 % interval, and whether that is more than chance."""
    before = tally(body.kind, body.before, pointer="/before")
    after = tally(body.kind, body.after, pointer="/after")
    return effect(body.kind, before, after)
