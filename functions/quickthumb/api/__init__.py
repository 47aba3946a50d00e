"""The routes of `upload`: HTTP in, HTTP out."""
