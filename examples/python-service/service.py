"""A small web service: the time of day in a zone, and whether the service is healthy."""

import datetime as dt
import os
import zoneinfo

import bottle
import waitress

app = bottle.Bottle()


@app.get("/healthz")
def healthz() -> str:
    """Answer a probe."""
    bottle.response.content_type = "text/plain; charset=utf-8"
    return "ok\n"


@app.get("/time/<zone:path>")
def time_in(zone: str) -> dict[str, str]:
    """Give the time in an IANA zone such as Europe/Prague."""
    try:
        now = dt.datetime.now(zoneinfo.ZoneInfo(zone))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        raise bottle.HTTPError(404, f"no such zone: {zone}") from None
    return {"zone": zone, "time": now.isoformat(timespec="seconds")}


if __name__ == "__main__":
    waitress.serve(
        app,
        host=os.environ.get("ADDRESS", "127.0.0.1"),
        port=int(os.environ.get("PORT", "8080")),
        ident=None,
    )
