"""What chat does, apart from pages and sockets."""
