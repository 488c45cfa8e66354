"""Videos drawn by program, whose labels only motion gives away: the toy and the motion suite."""
