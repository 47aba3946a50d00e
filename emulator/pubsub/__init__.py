"""A Pub/Sub broker that speaks the real gRPC API and behaves like production.

The rules of delivery (`broker`, `subscription`, `ordering`, `filters`, `policies`, `window`)
know no clock, no socket and no file. gRPC (`publisher`, `subscriber`, `streaming`), HTTP push
(`pusher`) and the journal (`journal`) are doors around them; `server` opens the doors.
"""
