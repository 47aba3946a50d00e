"""Schemas: definitions in Avro or Protocol Buffers, what fits them, and their revisions."""
