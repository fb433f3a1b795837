"""The graft: from a student's files only definitions travel into the course's own modules."""
