"""What CPNet is compared with, one file for each."""
