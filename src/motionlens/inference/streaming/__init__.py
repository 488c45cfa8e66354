"""Videos of any length and live video: windows one after another, and events made of them."""
