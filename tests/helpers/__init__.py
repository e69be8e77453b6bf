"""What tests share: scenes with known truth, media, servers and devices that behave as told."""
