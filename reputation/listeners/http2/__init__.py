"""HTTP/2 for a gRPC server: frames, HPACK and streams without input or output, and the connection on the loop."""
