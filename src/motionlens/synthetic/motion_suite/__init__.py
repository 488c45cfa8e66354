"""Generated videos whose classes only motion tells apart; ``tasks`` says which there are."""
