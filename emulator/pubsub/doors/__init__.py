"""How clients reach the rules: the gRPC API, push over HTTP, and the keys of push tokens."""
