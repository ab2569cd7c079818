"""From the survey to the revision that ships what was asked for."""

import httpx

from services.identity.principal import Role
from services.loop.run import Json, Loop, check, eventually


async def listen(loop: Loop) -> None:
    consumer = loop.client_for(Role.CONSUMER, [loop.found["unit_id"]], "loop-requester")
    owner = loop.owner()
    offering, unit = loop.found["offering"], loop.found["unit"]

    scores = (await loop.get(consumer, "/feedback/v1/scores", service_id=offering["service_id"], kind="nps"))["items"]
    answered = scores[0]["n"] if scores else 0
    await survey(loop, unit, consumer, loop.found["subscription"], 6, "Great tool, but burst machines start slowly.")
    for other, (somebody, client, subscription) in enumerate(loop.found["others"]):
        await survey(loop, somebody, client, subscription, 9 + other, "Just what we needed.")
    loop.tell("survey", "3 sent by themselves and answered: 6, 9 and 10 of 10")
    scores = (await loop.get(consumer, "/feedback/v1/scores", service_id=offering["service_id"], kind="nps"))["items"]
    score = scores[0]
    check(score["n"] == answered + 3, f"the score does not count each of 3 answers once: {score}, before {answered}")
    check(score["low"] <= score["score"] <= score["high"], f"the score is outside its interval: {score}")
    interval = f"{score['low']:.1f} to {score['high']:.1f}"
    loop.tell("score", f"nps {score['score']:.1f} (n = {score['n']}, 95 % interval {interval})")
    thread = await loop.post(
        consumer,
        "/feedback/v1/threads",
        {
            "subject_type": "offering",
            "subject_id": offering["id"],
            "business_unit_id": unit["id"],
            "rating": 2,
            "text": "The burst machines are terribly slow to start. Analysts are frustrated.",
        },
    )
    await loop.post(owner, f"/feedback/v1/threads/{thread['id']}/replies", {"text": "Warm machines are on the way."})
    feeling = thread["sentiment"]
    loop.tell("listen", f"comment rated 2, sentiment {feeling['label']} {feeling['score']}; the owner has replied")
    loop.found |= {"thread_id": thread["id"], "score": score}


async def survey(loop: Loop, unit: Json, client: httpx.AsyncClient, subscription: Json, score: int, words: str) -> None:
    """Answer the survey that the subscription brought with it."""

    async def invited() -> Json | None:
        query = {"business_unit_id": unit["id"], "subscription_id": subscription["id"]}
        invitations = (await loop.get(client, "/feedback/v1/invitations", **query))["items"]
        return invitations[0] if invitations else None

    invitation = await eventually(invited, "the survey")
    answers: list[Json] = []
    for question in invitation["questions"]:
        if question["kind"] == "nps":
            answers.append({"question_id": question["id"], "score": score})
        elif question["kind"] == "text":
            answers.append({"question_id": question["id"], "text": words})
    await loop.post(client, f"/feedback/v1/invitations/{invitation['id']}/responses", {"answers": answers})


async def improve(loop: Loop) -> None:
    owner = loop.owner()
    service_id = loop.found["offering"]["service_id"]
    theme = await loop.post(
        owner,
        "/feedback/v1/themes",
        {"service_id": service_id, "name": "Slow start of burst machines", "thread_ids": [loop.found["thread_id"]]},
    )
    loop.tell("theme", f"{theme['name']}: {theme['n']} thread, mean sentiment {theme['sentiment']}")
    improvement = await loop.post(
        owner,
        "/feedback/v1/improvements",
        {
            "service_id": service_id,
            "title": "Keep warm machines ready",
            "theme_ids": [theme["id"]],
            "demand_ids": [loop.found["demand"]["id"]],
            "target": {"measure": "nps"},
        },
    )
    baseline = improvement["baseline"]
    loop.tell(
        "improve",
        f"{improvement['title']}: {improvement['state']}, baseline nps {baseline['score']:.1f} (n = {baseline['n']})",
    )
    revision = await loop.post(
        owner,
        f"/catalog/v1/services/{service_id}/revisions",
        {
            "summary": "Warm burst machines",
            "changes": ["Two burst machines are kept warm in working hours"],
            "improvement_ids": [improvement["id"]],
            "demand_ids": [loop.found["demand"]["id"]],
        },
    )
    published = await loop.post(owner, f"/catalog/v1/services/{service_id}/revisions/{revision['number']}/publish")
    check(published["state"] == "active", f"the revision is {published['state']}")

    async def shipped() -> Json | None:
        current = await loop.get(owner, f"/feedback/v1/improvements/{improvement['id']}")
        return current if current["state"] == "shipped" else None

    done = await eventually(shipped, "the improvement's shipping")
    check(done["revision_number"] == revision["number"], f"shipped in revision {done['revision_number']}")
    loop.tell(
        "revision", f"no. {revision['number']} is live; improvement shipped, {done['contributors']} contributor told"
    )
