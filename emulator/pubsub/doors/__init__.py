"""Network interfaces: the gRPC API, push over HTTP, and the keys of push tokens."""
