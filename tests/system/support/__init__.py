"""What the system tests stand on: a real Home Assistant, the built gateway, a headless browser."""
