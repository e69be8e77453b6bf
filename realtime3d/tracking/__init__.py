"""All memory of a stream: who is who, who they are, and calm motion. Never a pixel."""
