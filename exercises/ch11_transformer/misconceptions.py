"""What people really write in chapter 11. Parsed, never imported: see CONTRIBUTING.md."""
