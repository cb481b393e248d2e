"""Every optimizer grade: what all of them share, and each one's identity."""
