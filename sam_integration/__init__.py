"""Clicks to modal masks with SAM2. Knows numpy, torch and sam2; nothing of vas_tool."""
