"""The front: the server between clients and the storage server."""
