"""What core answers over HTTP and WebSocket."""
