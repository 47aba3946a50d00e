"""The API: stores what is uploaded, queues a job, and tells how that is."""

import os
from uuid import uuid4

from fastapi import FastAPI, HTTPException, Response, UploadFile
from pictures import pictures
from redis import Redis
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job
from tasks import make_thumbnail

app = FastAPI()
redis = Redis.from_url(os.environ["REDIS_URL"])
queue = Queue(connection=redis)

# Not `async`: all of these block, so that FastAPI runs them in threads.


@app.post("/upload", status_code=202)
def upload(file: UploadFile) -> dict[str, str]:
    """Take a picture; return the id of its job."""
    if not (file.content_type or "").startswith("image/"):
        raise HTTPException(415, "This is not a picture")
    id = uuid4().hex
    pictures().write(f"uploads/{id}", file.file, file.size or 0)
    queue.enqueue(make_thumbnail, id, job_id=id)
    return {"id": id, "status": "queued"}


@app.get("/status/{id}")
def status(id: str) -> dict[str, str]:
    """Tell how a job is: queued, started, finished or failed."""
    try:
        return {"id": id, "status": Job.fetch(id, connection=redis).get_status()}
    except NoSuchJobError:
        raise HTTPException(404, "There is no such job") from None


@app.get("/thumbnail/{id}")
def thumbnail(id: str) -> Response:
    """Return the thumbnail of a job that has finished."""
    if status(id)["status"] != "finished":
        raise HTTPException(404, "There is no thumbnail yet")
    return Response(pictures().read(f"processed/{id}.jpg"), media_type="image/jpeg")
