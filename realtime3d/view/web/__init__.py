"""The live page: HTTP and WebSocket on one's own machine."""
